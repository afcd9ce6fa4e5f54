"""Score predicted memory against published peaks and outcomes, and PyTorch's trackers."""

import json
from typing import Any, NamedTuple

from gptbudget.catalog.catalog import Catalog
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.memory.timeline import memory_by_phase
from gptbudget.core.step import TrainingStep, implementation
from gptbudget.evidence.published import PublishedRun
from gptbudget.evidence.score import ScoredRow
from gptbudget.run.estimate import memory_of
from gptbudget.run.run import ModelRun
from gptbudget.specs.evidence import MeasuredStep
from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.specs.recipe import Method, Recipe
from gptbudget.specs.stack import Stacks


class ScoredFit(NamedTuple):
    """The outcome of one run (succeeded or out of memory) and the prediction."""

    id: str
    source: str
    border: bool
    """Whether its batch size is the largest that fits, or the next larger one."""
    predicted: bool | None
    published: bool
    peak_bytes: int
    usable_bytes: int | None


def score_memory(row: PublishedRun, run: ModelRun) -> tuple[ScoredRow | None, ScoredFit | None]:
    """Score one published run: its peak, if there is one, and whether it fits.

    ``None`` where nothing was published, or memory cannot be predicted.
    """
    if row.ran is None:
        return None, None
    memory = memory_of(run, stage=0 if row.first_rank else None)
    if memory is None:
        return None, None
    fit = ScoredFit(
        row.id,
        row.source,
        row.about.border,
        memory.fits,
        row.ran,
        memory.peak_bytes,
        memory.usable_bytes,
    )
    kind = row.about.figure
    if row.peak_bytes is None or kind is None:
        return None, fit
    group = (("source", row.source), ("method", run.recipe.method.kind), ("kind", kind))
    return ScoredRow(row.id, row.source, "peak", group, memory.figure(kind), row.peak_bytes), fit


ONE_GPU = "pytorch_steps.json"
SHARDED = "pytorch_fsdp_steps.json"
_TRACKERS = {ONE_GPU: "PyTorch MemTracker", SHARDED: "PyTorch FSDPMemTracker"}
_METHOD = ("lora_rank", "lora_targets", "lora_precision", "lora_dropout")


class MeasuredSteps(NamedTuple):
    """The steps, what was measured, and with which software."""

    what: str
    source: str
    steps: tuple[MeasuredStep, ...]


def load_measured_steps(catalog: Catalog, file: str = ONE_GPU) -> MeasuredSteps:
    """Every measured step of a table, its model taken from the catalog."""
    table = json.loads(data_file(file).read_text(encoding="utf-8"))
    versions = ", ".join(f"{name} {version}" for name, version in table["versions"].items())
    steps = tuple(
        _step(number, dict(zip(table["columns"], row, strict=True)), catalog)
        for number, row in enumerate(table["rows"], start=1)
    )
    return MeasuredSteps(table["what"], f"{_TRACKERS[file]} ({versions})", steps)


def measured_stack(implementation: str) -> str:
    """Return the stack whose constants came from this measured implementation."""
    stacks = load_evidence().stacks.stacks
    return next(name for name, stack in stacks.items() if implementation in stack.measured_as)


def _step(number: int, row: dict[str, Any], catalog: Catalog) -> MeasuredStep:
    gpus = row.get("gpus")
    tracker = "pytorch" if gpus is None else "pytorch-fsdp"
    return MeasuredStep(
        id=f"{tracker}-{number:03d}-{row['block']}-{row['model']}",
        implementation=row["block"],
        stack=measured_stack(row["block"]),
        model=catalog.models.find(row["model"]).spec,
        recipe=_recipe(row),
        layout=ONE_RANK if gpus is None else Layout(dp=gpus, zero=row["zero"]),
        micro_batch=row["micro_batch"],
        seq_len=row["seq_len"],
        phase_bytes={phase: row[phase] for phase in _OURS},
        peak_bytes=row["peak"],
        peak_phase=row["peak_phase"],
    )


def _recipe(row: dict[str, Any]) -> Recipe:
    """The recipe of a row; adapters have columns of their own, empty without them."""
    adapters = row.get("lora_rank") is not None
    adapted = {name: row[name] for name in _METHOD} if adapters else {}
    method = Method(kind="lora" if adapters else "full", **adapted)
    return Recipe(
        precision="fp32" if row["mode"] == "fp32" else "bf16",
        weight_storage="pure" if row["mode"] == "pure" else "autocast",
        optimizer=row["optimizer"],
        optimizer_impl=row["optimizer_impl"],
        attention=row["attention"],
        checkpointing=row["checkpointing"],
        dropout=row.get("dropout", 0.0),
        keep_logits=row.get("keep_logits", False),
        accumulate=row.get("accumulate", False),
        method=method,
    )


_OURS: dict[str, tuple[str, ...]] = {
    "start": ("start",),
    "forward_peak": ("forward_peak",),
    "forward_end": ("forward_end",),
    "backward_peak": ("loss_backward", "block_backward"),
    "backward_end": ("backward_end",),
    "optimizer_step": ("optimizer_step",),
}
"""Phases of our model that each measured figure corresponds to."""

_PART_OF_STEP = {
    "start": "start",
    "forward_peak": "forward",
    "forward_end": "forward",
    "loss_backward": "backward",
    "block_backward": "backward",
    "backward_end": "backward",
    "optimizer_step": "optimizer",
}


def score_step(step: MeasuredStep, stacks: Stacks, source: str) -> list[ScoredRow]:
    """Score the peak and every phase of a measured step."""
    parts = implementation(step.model, step.stack, stacks, step.recipe.loss)
    ours = memory_by_phase(
        TrainingStep(step.model, step.recipe, parts, step.micro_batch, step.seq_len, step.layout)
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
        rows.append(ScoredRow(step.id, source, figure, group, predicted, published))
    return rows
