"""Memory by phase against PyTorch's own accounting of 200 training steps."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import pytest

from gptbudget import load_catalog
from gptbudget.core.memory.timeline import memory_by_phase
from gptbudget.core.step import TrainingStep
from gptbudget.evidence.memory import load_measured_steps
from gptbudget.specs.evidence import MeasuredStep
from tests.conftest import Cli
from tests.measured import rules

# PyTorch's figure, and the phases of ours that it covers.
FIGURES = {
    "start": ("start",),
    "forward_peak": ("forward_peak",),
    "forward_end": ("forward_end",),
    "backward_peak": ("loss_backward", "block_backward"),
    "backward_end": ("backward_end",),
    "optimizer_step": ("optimizer_step",),
}
PART_OF_STEP = {
    "forward": {"start", "forward_peak", "forward_end"},
    "backward": {"loss_backward", "block_backward", "backward_end"},
    "optimizer": {"optimizer_step"},
}


class Scored(NamedTuple):
    """One step, our relative error of each figure, and where we say that it peaks."""

    step: MeasuredStep
    errors: dict[str, float]
    peak_phase: str

    @property
    def group(self) -> str:
        recipe = self.step.recipe
        return (
            f"{self.step.implementation:9} {recipe.mode:9} {recipe.attention:10} "
            f"{recipe.checkpointing:5} {recipe.method.kind}"
        )

    @property
    def peaks_right(self) -> bool:
        return self.peak_phase in PART_OF_STEP[self.step.peak_phase]

    def __str__(self) -> str:
        step = self.step
        where = "" if self.peaks_right else f" peaks in {self.peak_phase}, not {step.peak_phase}"
        return f"{step.id} {step.micro_batch} x {step.seq_len} {step.recipe}{where}"


@cache
def scored() -> tuple[Scored, ...]:
    return tuple(map(score, load_measured_steps(load_catalog()).steps))


def score(step: MeasuredStep) -> Scored:
    how = rules(step.model, step.implementation)
    ours = memory_by_phase(
        TrainingStep(step.model, step.recipe, how, step.micro_batch, step.seq_len)
    )
    assert ours is not None, step
    totals = {str(phase): parts.total for phase, parts in ours.phases.items()}
    errors = {
        figure: max(totals[phase] for phase in phases) / step.phase_bytes[figure] - 1
        for figure, phases in FIGURES.items()
    }
    return Scored(step, {**errors, "peak": ours.peak_bytes / step.peak_bytes - 1}, ours.peak_phase)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def table(figure: str) -> str:
    """Errors by group, and the worst rows: what a failure shows."""
    groups = defaultdict(list)
    for row in scored():
        groups[row.group].append(abs(row.errors[figure]))
    worst = sorted(scored(), key=lambda row: -abs(row.errors[figure]))[:5]
    return "\n".join(
        [
            f"{figure}: |error| in %",
            "median    p95  worst    n",
            *(
                f"{100 * statistics.median(e):6.3f} {100 * quantile(e, 0.95):6.3f} "
                f"{100 * max(e):6.3f} {len(e):4d}  {group}"
                for group, e in sorted(groups.items())
            ),
            *(f"{100 * row.errors[figure]:+.2f} % {row}" for row in worst),
        ]
    )


@pytest.mark.parametrize("figure", [*FIGURES, "peak"])
def test_errors_against_pytorch(figure: str) -> None:
    found = [abs(row.errors[figure]) for row in scored()]

    assert statistics.median(found) <= 0.0001, table(figure)
    assert quantile(found, 0.75) <= 0.001, table(figure)
    assert quantile(found, 0.95) <= 0.002, table(figure)
    assert max(found) <= 0.01, table(figure)


@pytest.mark.parametrize("block", ["nanogpt", "hf-gpt2", "hf-llama"])
@pytest.mark.parametrize("mode", ["autocast", "pure", "fp32"])
def test_no_group_hides_behind_the_others(block: str, mode: str) -> None:
    found = [
        abs(row.errors["peak"])
        for row in scored()
        if (row.step.implementation, row.step.recipe.mode) == (block, mode)
    ]

    assert statistics.median(found) <= 0.005, table("peak")


@pytest.mark.parametrize(
    ("backward", "least"), [(True, 0.97), (False, 0.90)], ids=["backward", "elsewhere"]
)
def test_the_part_of_the_step_that_peaks(*, backward: bool, least: float) -> None:
    rows = [row for row in scored() if (row.step.peak_phase == "backward") is backward]
    wrong = [str(row) for row in rows if not row.peaks_right]

    assert sum(row.peaks_right for row in rows) >= least * len(rows), "\n".join(wrong)


TRAITS: dict[str, Callable[[MeasuredStep], object]] = {
    "attention": lambda step: step.recipe.attention,
    "checkpointing": lambda step: step.recipe.checkpointing,
    "optimizer": lambda step: step.recipe.optimizer,
    "implementation of AdamW": lambda step: (
        step.recipe.optimizer == "adamw" and step.recipe.optimizer_impl
    ),
    "dropout": lambda step: bool(step.recipe.dropout),
    "accumulation": lambda step: step.recipe.accumulate,
    "held logits": lambda step: step.recipe.keep_logits,
    "adapters": lambda step: (
        step.recipe.method.has_adapters
        and (step.recipe.method.lora_targets, step.recipe.method.lora_precision)
    ),
    "rank": lambda step: step.recipe.method.has_adapters and step.recipe.method.lora_rank,
    "adapter dropout": lambda step: bool(step.recipe.method.lora_dropout),
    "part that peaks": lambda step: step.peak_phase,
}
LEAST = {"attention": 4, "optimizer": 4, "implementation of AdamW": 3, "adapters": 4, "rank": 3}


@pytest.mark.parametrize("trait", TRAITS)
def test_steps_cover_what_can_be_asked(trait: str) -> None:
    found = Counter(TRAITS[trait](row.step) for row in scored())

    assert len(scored()) == 200
    assert len(found) >= LEAST.get(trait, 2), found


def test_validate_prints_these_errors(cli: Cli) -> None:
    printed = cli("validate", "-o", "json").json
    figures = {
        (row["id"], row["figure"]): row["error"]
        for row in printed["rows"]
        if row["source"].startswith("PyTorch MemTracker")
    }
    expected = {
        (row.step.id, figure): error for row in scored() for figure, error in row.errors.items()
    }

    assert figures == pytest.approx(expected)
