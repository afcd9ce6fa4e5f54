"""What a comparison with published runs found."""

from __future__ import annotations

from typing import NamedTuple

from gptbudget.plan.validation.memory import ScoredFit
from gptbudget.plan.validation.score import ScoredRow
from gptbudget.plan.validation.speed import ScoredSpeed
from gptbudget.run.estimate import Memory
from gptbudget.run.run import TrainingRun
from gptbudget.specs.published import LeftOut, PublishedRun


class AgainstRuns(NamedTuple):
    """Published runs: peaks, what ran and what did not, speeds, and what could not be scored."""

    published: tuple[PublishedRun, ...]
    peaks: list[ScoredRow]
    fits: list[ScoredFit]
    speeds: list[ScoredSpeed]
    memory_left_out: tuple[LeftOut, ...]
    left_out: tuple[LeftOut, ...]


class OneRun(NamedTuple):
    """One published run in full."""

    row: PublishedRun
    run: TrainingRun
    """As its speed is predicted."""
    speed: ScoredSpeed | None
    peak: ScoredRow | None
    fit: ScoredFit | None
    memory: Memory | None
