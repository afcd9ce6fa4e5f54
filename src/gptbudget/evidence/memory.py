"""Published peaks and outcomes of memory against the bill."""

from typing import NamedTuple

from gptbudget.evidence.published import PublishedRun
from gptbudget.evidence.score import ScoredRow
from gptbudget.run.estimate import memory_of
from gptbudget.run.run import ModelRun


class ScoredFit(NamedTuple):
    """One run that ran or ran out of memory, and what we say of it."""

    id: str
    source: str
    border: bool
    """It is one batch size from what its card holds."""
    predicted: bool | None
    published: bool
    peak_bytes: int
    usable_bytes: int | None


def score_memory(row: PublishedRun, run: ModelRun) -> tuple[ScoredRow | None, ScoredFit | None]:
    """Score one published run: its peak, if there is one, and whether it fits.

    ``None`` where nothing was published, or no bill can be made.
    """
    if row.ran is None:
        return None, None
    memory = memory_of(run, stage=0 if row.first_rank else None)
    if memory is None:
        return None, None
    fit = ScoredFit(
        row.id,
        row.source.key,
        row.source.border,
        memory.fits,
        row.ran,
        memory.peak_bytes,
        memory.usable_bytes,
    )
    if row.peak_bytes is None or row.figure is None:
        return None, fit
    group = (
        ("source", row.source.key),
        ("method", run.recipe.method.kind),
        ("kind", row.figure),
    )
    predicted = memory.figure(row.figure)
    return (
        ScoredRow(row.id, row.source.key, "peak_bytes", "peak", group, predicted, row.peak_bytes),
        fit,
    )
