"""Sizes of Gopher and Chinchilla: Rae et al. 2021, arXiv 2112.11446, Table 1; Hoffmann et al. 2022,
arXiv 2203.15556, Table 4.
"""

from __future__ import annotations

import pytest

from gptbudget import load_catalog
from gptbudget.core.parameters import count_parameters


@pytest.mark.parametrize(
    ("name", "printed", "rounding"),
    [
        ("gopher-1.4b", 1.4e9, 0.05e9),
        ("gopher-280b", 280e9, 0.5e9),
        ("chinchilla-70b", 70e9, 0.5e9),
    ],
)
def test_sizes_round_to_what_is_printed(name: str, printed: float, rounding: float) -> None:
    count = count_parameters(load_catalog().models.find(name).spec).total

    assert abs(count - printed) < rounding
