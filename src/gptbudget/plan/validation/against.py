"""What a comparison with published runs found."""

from __future__ import annotations

from typing import NamedTuple

from gptbudget.plan.validation.memory import ScoredFit
from gptbudget.plan.validation.score import ScoredRow
from gptbudget.plan.validation.speed import ScoredSpeed
from gptbudget.specs.published import LeftOut, PublishedRun


class AgainstRuns(NamedTuple):
    """Published runs: peaks, what ran and what did not, speeds, and what could not be scored."""

    published: tuple[PublishedRun, ...]
    peaks: list[ScoredRow]
    fits: list[ScoredFit]
    speeds: list[ScoredSpeed]
    left_out: tuple[LeftOut, ...]
