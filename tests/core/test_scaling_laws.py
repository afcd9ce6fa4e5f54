"""What must hold of the scaling laws for any numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptbudget.core.chinchilla import (
    BESIROGLU,
    HOFFMANN,
    MUENNIGHOFF,
    compute_optimal_parameters,
    compute_optimal_parameters_for,
    compute_optimal_tokens,
    predicted_loss,
)
from gptbudget.core.scaling_laws import (
    effective_tokens,
    loss_on_repeated_data,
    optimal_parameters_on_repeated_data,
    parameters_for_inference,
    total_flops,
)

FLOPS = st.floats(15, 27).map(lambda power: 10**power)
FITS = st.sampled_from([BESIROGLU, HOFFMANN, MUENNIGHOFF])
FACTORS = st.floats(0.2, 5).filter(lambda factor: abs(factor - 1) > 0.01)


@given(FLOPS, FITS, FACTORS)
def test_no_other_size_beats_the_optimum(flops: float, fit: object, factor: float) -> None:
    assert isinstance(fit, type(BESIROGLU))
    best = compute_optimal_parameters(flops, fit)
    other = best * factor
    assert predicted_loss(best, flops / 6 / best, fit) < predicted_loss(
        other, flops / 6 / other, fit
    )


@given(FLOPS, FITS)
def test_size_and_tokens_agree(flops: float, fit: object) -> None:
    assert isinstance(fit, type(BESIROGLU))
    size = compute_optimal_parameters(flops, fit)
    tokens = compute_optimal_tokens(size, fit)
    assert 6 * size * tokens == pytest.approx(flops, rel=1e-6)
    assert compute_optimal_parameters_for(tokens, fit) == pytest.approx(size, rel=1e-6)


@given(st.floats(0.1, 1e3), st.floats(0.1, 1e3))
def test_repeated_tokens_are_worth_less_and_never_nothing(epochs: float, more: float) -> None:
    unique = 1e9
    worth = effective_tokens(epochs * unique, unique)
    assert worth <= epochs * unique * (1 + 1e-12)
    assert effective_tokens((epochs + more) * unique, unique) >= worth


@settings(deadline=None)
@given(FLOPS, st.floats(0.01, 100), FACTORS)
def test_no_other_size_beats_the_optimum_on_repeated_data(
    flops: float, share: float, factor: float
) -> None:
    unique = share * flops / 6 / compute_optimal_parameters(flops, MUENNIGHOFF)
    best = optimal_parameters_on_repeated_data(flops, unique)
    other = best * factor

    def loss(size: float) -> float:
        return float(loss_on_repeated_data(size, flops / 6 / size, unique))

    assert loss(best) <= loss(other) * (1 + 1e-9)


@given(FLOPS)
def test_enough_data_changes_nothing(flops: float) -> None:
    best = compute_optimal_parameters(flops, MUENNIGHOFF)
    found = optimal_parameters_on_repeated_data(flops, 10 * flops / 6 / best)
    assert found == pytest.approx(best, rel=1e-4)


@given(FLOPS, st.floats(0.01, 1e3), FACTORS)
def test_no_other_model_of_that_loss_costs_less_in_all(
    flops: float, share: float, factor: float
) -> None:
    optimum = compute_optimal_parameters(flops)
    use = share * flops / 6 / optimum
    best = parameters_for_inference(flops, use)
    tokens = flops / 6 / best
    assert best <= optimum * (1 + 1e-9)

    left = predicted_loss(best, tokens) - BESIROGLU.irreducible
    left -= BESIROGLU.a / (best * factor) ** BESIROGLU.alpha
    if left <= 0:  # too small for that loss on any data
        return
    other_tokens = (BESIROGLU.b / left) ** (1 / BESIROGLU.beta)
    least = total_flops(best, tokens, use)
    assert least <= total_flops(best * factor, other_tokens, use) * (1 + 1e-9)


def test_the_laws_take_arrays() -> None:
    tokens = np.array([1e9, 4e9])
    assert effective_tokens(tokens, 1e9) == pytest.approx([1e9, 3.726e9], rel=1e-3)
    sizes = compute_optimal_parameters(np.array([1e20, 1e21]))
    assert sizes == pytest.approx([compute_optimal_parameters(f) for f in (1e20, 1e21)])
    assert math.isfinite(float(predicted_loss(sizes, tokens).sum()))
