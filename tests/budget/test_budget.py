"""What must hold of planned budgets for any numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptbudget.budget.laws import allocations, optimum
from gptbudget.budget.shapes import LARGEST_SHAPE, candidates, parameters_of
from gptbudget.core.scaling_laws import deepest_layers, width_at_depth

FLOPS = st.floats(16, 27).map(lambda power: 10**power)
SIZES = st.floats(6.85, math.log10(LARGEST_SHAPE)).map(lambda power: 10**power)


@given(FLOPS)
def test_every_law_spends_the_budget(flops: float) -> None:
    for law in allocations(flops, 1e10, 1e9):
        assert 6 * law.parameters * law.tokens == pytest.approx(flops, rel=2e-3)


@given(FLOPS)
def test_no_law_promises_less_loss_than_the_one_taken(flops: float) -> None:
    best = optimum(flops)
    least = best.replication_loss - 1e-4  # DeepSeek's rounded constants spend 0.01 % more
    assert all(law.replication_loss >= least for law in allocations(flops))


@settings(deadline=None)
@given(SIZES)
def test_shapes_are_near_and_whole(size: float) -> None:
    for model in candidates(size, 1024):
        spec = model.spec
        assert parameters_of(model) == pytest.approx(size, rel=0.2)
        assert spec.width % 128 == 0
        assert spec.vocabulary % 128 == 0
        assert spec.head_width in {64, 128}
        assert spec.attention.heads * spec.head_width == spec.width


def test_depth_of_a_trillion_parameters() -> None:
    """Levine et al. 2020: a width of 30,000; GPT-3's 96 layers are too many for its size."""
    assert width_at_depth(95) == pytest.approx(30e3, rel=0.01)
    assert deepest_layers(1e12) == pytest.approx(95, abs=1)
    assert deepest_layers(174e9) < 96
