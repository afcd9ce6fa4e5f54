"""Memory of one rank under FSDP2 against PyTorch's own tracker: 29 training steps."""

from __future__ import annotations

import statistics
from functools import cache

import pytest

from gptbudget import load_catalog
from gptbudget.core.memory import timeline
from gptbudget.core.memory.timeline import memory_by_phase
from gptbudget.core.step import TrainingStep
from gptbudget.evidence.memory import SHARDED, load_measured_steps
from gptbudget.specs.evidence import MeasuredStep
from tests.measured import rules

FIGURES = {
    "start": ("start",),
    "forward_peak": ("forward_peak",),
    "forward_end": ("forward_end",),
    "backward_peak": ("loss_backward", "block_backward"),
    "backward_end": ("backward_end",),
    "optimizer_step": ("optimizer_step",),
}


@cache
def steps() -> tuple[MeasuredStep, ...]:
    return load_measured_steps(load_catalog(), SHARDED).steps


def errors(step: MeasuredStep) -> dict[str, float]:
    """Our relative error of the peak and of each phase."""
    how = rules(step.model, step.implementation)
    ours = memory_by_phase(
        TrainingStep(step.model, step.recipe, how, step.micro_batch, step.seq_len, step.layout)
    )
    assert ours is not None
    totals = {str(phase): parts.total for phase, parts in ours.phases.items()}
    found = {
        figure: max(totals[phase] for phase in phases) / step.phase_bytes[figure] - 1
        for figure, phases in FIGURES.items()
    }
    return {"peak": ours.peak_bytes / step.peak_bytes - 1, **found}


def tied(step: MeasuredStep) -> bool:
    return step.model.head.tied


@pytest.mark.parametrize(("kind", "count"), [("untied", 9), ("tied", 20)])
def test_peaks(kind: str, count: int) -> None:
    # Tied embeddings are held to the same. Two gradients of one matrix meet there, and the tracker
    # adds them out of place; so does the engine itself in 16-bit compute, with or without FSDP
    # (remake_tied.py asks it), so that nothing is added here. Two steps reduce in bf16, which no
    # option says: they are the worst.
    rows = [abs(errors(step)["peak"]) for step in steps() if tied(step) is (kind == "tied")]

    assert len(rows) == count
    assert max(rows) <= 0.03
    # All but one of the two: nothing of a peak may be missing.
    assert sorted(rows)[-2] <= 0.0001


def test_tied_peaks_without_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    # Were the two gradients of a tied matrix added in place, steps that peak there would be short.
    monkeypatch.setattr(timeline, "_TWINS_OUT_OF_PLACE", 1)
    rows = [abs(errors(step)["peak"]) for step in steps() if tied(step)]

    assert statistics.median(rows) <= 0.005
    assert max(rows) > 0.03  # so that they are worse than with it


@pytest.mark.parametrize("figure", FIGURES)
def test_every_phase(figure: str) -> None:
    rows = [abs(errors(step)[figure]) for step in steps()]

    assert statistics.median(rows) <= 0.0001
    assert sorted(rows)[-6] <= 0.0005  # all but five
    assert max(rows) <= 0.03
