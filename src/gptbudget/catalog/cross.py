"""The stored result of leaving out one source after the other."""

from __future__ import annotations

import json
from typing import NamedTuple

from gptbudget.catalog.paths import data_file
from gptbudget.specs.published import LeftOutRow


class Cross(NamedTuple):
    """Constants that were fitted without each source, and errors on what was left out."""

    made: str
    script: str
    shipped: tuple[float, float]
    fitted_on_all: tuple[float, float]
    without: dict[str, tuple[float, float]]
    chosen_after_errors: tuple[str, ...]
    """Constants that were chosen, not fitted, with errors in view: no leaving out undoes that."""
    rows: tuple[LeftOutRow, ...]


def load_cross() -> Cross:
    """Read it from the package."""
    data = json.loads(data_file("cross_validation.json").read_text(encoding="utf-8"))
    rows = tuple(LeftOutRow(range_class=row.pop("class"), **row) for row in data["rows"])
    return Cross(
        data["made"],
        data["script"],
        tuple(data["shipped"]),
        tuple(data["fitted_on_all"]),
        {source: tuple(constants) for source, constants in data["without"].items()},
        tuple(data["chosen_after_errors"]),
        rows,
    )
