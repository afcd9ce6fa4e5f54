"""Our error against what was measured and published: row by row, and by group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gptbudget.core.activations import implementation
from gptbudget.core.memory import memory_by_phase
from gptbudget.plan.estimate import memory_of
from gptbudget.plan.run import TrainingRun
from gptbudget.specs.evidence import MeasuredStep, PublishedMemory
from gptbudget.specs.stack import Stacks

_OURS: dict[str, tuple[str, ...]] = {
    "start": ("start",),
    "forward_peak": ("forward_peak",),
    "forward_end": ("forward_end",),
    "backward_peak": ("loss_backward", "block_backward"),
    "backward_end": ("backward_end",),
    "optimizer_step": ("optimizer_step",),
}
"""Which of our phases a measured figure covers."""

_PART_OF_STEP = {
    "start": "start",
    "forward_peak": "forward",
    "forward_end": "forward",
    "loss_backward": "backward",
    "block_backward": "backward",
    "backward_end": "backward",
    "optimizer_step": "optimizer",
}
_GOOD = 0.15


class ScoredRow(NamedTuple):
    """One measured figure and ours."""

    id: str
    source: str
    quantity: str
    figure: str
    """Which phase, or ``peak`` for the whole step."""
    group: tuple[tuple[str, str], ...]
    predicted: float
    published: float
    peak_phase: str | None = None
    """The part of the step in which it peaked."""
    peak_phase_right: bool | None = None

    @property
    def error(self) -> float:
        """Predicted over published, less one."""
        return self.predicted / self.published - 1


class ScoredFit(NamedTuple):
    """One run that ran or ran out of memory, and what we say of it."""

    id: str
    source: str
    border: bool
    """It is one batch size from what its card holds."""
    predicted: bool | None
    published: bool
    peak_bytes: float
    usable_bytes: float | None


class Score(NamedTuple):
    """The errors of a group of rows."""

    group: tuple[tuple[str, str], ...]
    rows: int
    median: float
    """Of the absolute errors, as are the next three."""
    p90: float
    p95: float
    worst: float
    bias: float
    """Mean error, with its sign."""
    within_15: float
    """Share of rows within 15 %."""


def score_steps(steps: Iterable[MeasuredStep], stacks: Stacks, source: str) -> list[ScoredRow]:
    """Score every phase and the peak of every measured step."""
    return [row for step in steps for row in _rows(step, stacks, source)]


def _rows(step: MeasuredStep, stacks: Stacks, source: str) -> list[ScoredRow]:
    how = implementation(step.model, step.stack, stacks, step.recipe.loss)
    ours = memory_by_phase(
        step.model, step.recipe, how, step.micro_batch, step.seq_len, step.layout
    )
    assert ours is not None
    totals = {str(phase): float(parts.total) for phase, parts in ours.phases.items()}
    group = (
        ("implementation", step.implementation),
        ("precision", step.recipe.mode),
        ("attention", step.recipe.attention),
        ("checkpointing", step.recipe.checkpointing),
    )
    rows = [
        ScoredRow(
            step.id,
            source,
            "peak_bytes",
            "peak",
            group,
            float(ours.peak_bytes),
            step.peak_bytes,
            step.peak_phase,
            _PART_OF_STEP[ours.peak_phase] == step.peak_phase,
        )
    ]
    for figure, phases in _OURS.items():
        predicted = max(totals[phase] for phase in phases)
        published = step.phase_bytes[figure]
        rows.append(ScoredRow(step.id, source, "peak_bytes", figure, group, predicted, published))
    return rows


def score_published(
    row: PublishedMemory, run: TrainingRun
) -> tuple[ScoredRow | None, ScoredFit | None]:
    """Score one published run: its peak, if there is one, and whether it fits."""
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
    if row.peak_bytes is None:
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


def score(rows: Sequence[ScoredRow], group: tuple[tuple[str, str], ...] = ()) -> Score:
    """The errors of ``rows`` taken together; there must be at least one."""
    errors = sorted(abs(row.error) for row in rows)
    return Score(
        group,
        len(rows),
        _quantile(errors, 0.5),
        _quantile(errors, 0.9),
        _quantile(errors, 0.95),
        errors[-1],
        sum(row.error for row in rows) / len(rows),
        sum(error <= _GOOD for error in errors) / len(errors),
    )


def by_group(rows: Iterable[ScoredRow], names: Sequence[str]) -> list[Score]:
    """Scores by the values of the group keys ``names``, in their order."""
    groups: dict[tuple[tuple[str, str], ...], list[ScoredRow]] = defaultdict(list)
    for row in rows:
        values = {**dict(row.group), "figure": row.figure}
        groups[tuple((name, values[name]) for name in names)].append(row)
    return [score(found, group) for group, found in sorted(groups.items())]


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the ordered values lie, interpolated."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
