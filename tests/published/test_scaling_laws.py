"""Compute-optimal tokens by four fits of L(N, D) = E + A / N^alpha + B / D^beta.

Hoffmann et al. 2022, arXiv 2203.15556, equation 10 (rounded) and section 3.3
Besiroglu et al. 2024, arXiv 2404.10102, and its notebook,
https://github.com/epoch-research/analyzing-chinchilla (the unrounded constants, and the new fit)
Muennighoff et al. 2023, arXiv 2305.16264
Korbak 2022, https://tomekkorbak.com/2022/10/10/compute-optimal-gpt2/
"""

from __future__ import annotations

import math

import pytest

from gptbudget.core.scaling import BESIROGLU, ChinchillaFit, compute_optimal_tokens

ROUNDED = ChinchillaFit("rounded", 1.69, 406.4, 410.7, 0.34, 0.28, "equation 10")
UNROUNDED = ChinchillaFit(
    "unrounded",
    math.exp(0.5267228),
    math.exp(6.0073404),
    math.exp(6.0179186),
    0.33917084,
    0.2849083,
    "notebook",
)
MUENNIGHOFF = ChinchillaFit(
    "Muennighoff", 1.8691, 520.8, 1487.7, 0.3526596, 0.3526596, "datablations"
)


@pytest.mark.parametrize(
    ("fit", "billions"),
    [(ROUNDED, 3.506), (UNROUNDED, 2.438), (BESIROGLU, 3.130), (MUENNIGHOFF, 2.441)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_tokens_for_gpt2_small(fit: ChinchillaFit, billions: float) -> None:
    tokens = compute_optimal_tokens(124_439_808, fit)

    assert tokens / 1e9 == pytest.approx(billions, rel=1e-3)


def test_korbak_reads_its_grid_off_the_rounded_fit() -> None:
    # The post prints alpha = 0.32, a slip for 0.34.
    tokens = compute_optimal_tokens(119e6, ROUNDED)

    assert tokens == pytest.approx(3.32e9, rel=2e-3)
    assert 6 * 119e6 * tokens == pytest.approx(2.37e18, rel=2e-3)


@pytest.mark.parametrize(
    ("fit", "parameters", "tokens"),
    [
        # Section 3.3: 40 billion parameters at Gopher's budget; 1.2 %: two digits.
        pytest.param(UNROUNDED, 40.36e9, None, id="Hoffmann"),
        pytest.param(BESIROGLU, 72.25e9, 1.329e12, id="Besiroglu"),
    ],
)
def test_gophers_budget(fit: ChinchillaFit, parameters: float, tokens: float | None) -> None:
    found = compute_optimal_tokens(parameters, fit)

    assert 6 * parameters * found == pytest.approx(5.76e23, rel=3e-3)
    if tokens is None:
        assert parameters == pytest.approx(40e9, rel=0.012)
    else:
        assert found == pytest.approx(tokens, rel=1e-3)
        assert found / parameters == pytest.approx(18.39, rel=2e-3)


@pytest.mark.parametrize(("fit", "exponent"), [(UNROUNDED, 0.4565), (BESIROGLU, 0.5126)])
def test_exponent_of_the_optimal_size(fit: ChinchillaFit, exponent: float) -> None:
    # N = G (C/6)^a with a = beta / (alpha + beta), read off our tokens at two sizes.
    few, many = 1e9, 1e11
    budgets = [n * compute_optimal_tokens(n, fit) for n in (few, many)]

    slope = math.log(many / few) / math.log(budgets[1] / budgets[0])
    assert slope == pytest.approx(exponent, rel=1e-3)
