"""The pipeline's bubble and how often stages exchange, against schedules played through."""

from __future__ import annotations

import pytest

from gptbudget.core.time.exchange import exchanges
from tests.core.schedules import (
    BACKWARD_S,
    FORWARD_S,
    Program,
    interleaved,
    one_forward_one_backward,
    played_s,
)

SHAPES = [(2, 1), (3, 1), (4, 1), (12, 1), (4, 2), (4, 10), (8, 5), (12, 4), (16, 6)]
_TINY_S = 1e-6


def _programs(stages: int, chunks: int, micro_batches: int) -> list[Program]:
    if chunks == 1:
        return [one_forward_one_backward(rank, stages, micro_batches) for rank in range(stages)]
    return [interleaved(rank, stages, chunks, micro_batches) for rank in range(stages)]


@pytest.mark.parametrize(("stages", "chunks"), SHAPES)
@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_the_bubble_of_a_schedule_played_through(stages: int, chunks: int, rounds: int) -> None:
    # Narayanan et al. 2021, section 2.2: (p - 1) / v passes through a stage.
    whole = played_s(_programs(stages, chunks, rounds * stages), 0)

    bubble = whole / (FORWARD_S + BACKWARD_S) - rounds * stages
    assert bubble == pytest.approx((stages - 1) / chunks)


@pytest.mark.parametrize("stages", [2, 3, 4, 12])
@pytest.mark.parametrize("micro_batches", [1, 2, 3, 17])
def test_exchanges_of_few_micro_batches(stages: int, micro_batches: int) -> None:
    programs = _programs(stages, 1, micro_batches)
    waited = (played_s(programs, _TINY_S) - played_s(programs, 0)) / _TINY_S

    assert exchanges(stages, 1, micro_batches)[0] == pytest.approx(waited, rel=1e-3)


@pytest.mark.parametrize(("stages", "chunks"), SHAPES)
@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_exchanges_of_a_schedule_played_through(stages: int, chunks: int, rounds: int) -> None:
    micro_batches = rounds * stages
    programs = _programs(stages, chunks, micro_batches)
    waited = (played_s(programs, _TINY_S) - played_s(programs, 0)) / _TINY_S

    assert exchanges(stages, chunks, micro_batches)[0] == pytest.approx(waited, rel=1e-3)
