"""Training steps that PyTorch accounted for, against the bill phase by phase."""

from collections.abc import Iterable

from gptbudget.core.implementation import implementation
from gptbudget.core.memory.timeline import memory_by_phase
from gptbudget.core.step import TrainingStep
from gptbudget.evidence.score import ScoredRow
from gptbudget.specs.evidence import MeasuredStep
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


def score_steps(steps: Iterable[MeasuredStep], stacks: Stacks, source: str) -> list[ScoredRow]:
    """Score every phase and the peak of every measured step."""
    return [row for step in steps for row in _rows(step, stacks, source)]


def _rows(step: MeasuredStep, stacks: Stacks, source: str) -> list[ScoredRow]:
    how = implementation(step.model, step.stack, stacks, step.recipe.loss)
    ours = memory_by_phase(
        TrainingStep(step.model, step.recipe, how, step.micro_batch, step.seq_len, step.layout)
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
