"""Training steps whose memory PyTorch itself accounted for, from the package's data."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from gptbudget.catalog.catalog import Catalog
from gptbudget.catalog.paths import data_file
from gptbudget.specs.evidence import MeasuredStep
from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.specs.recipe import Method, Recipe

STACKS = {"nanogpt": "eager", "hf-gpt2": "hf", "hf-llama": "hf"}
"""The stack that stands for each implementation that was measured."""

_PHASES = (
    "start",
    "forward_peak",
    "forward_end",
    "backward_peak",
    "backward_end",
    "optimizer_step",
)
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


def _step(number: int, row: dict[str, Any], catalog: Catalog) -> MeasuredStep:
    gpus = row.get("gpus")
    tracker = "pytorch" if gpus is None else "pytorch-fsdp"
    return MeasuredStep(
        id=f"{tracker}-{number:03d}-{row['block']}-{row['model']}",
        implementation=row["block"],
        stack=STACKS[row["block"]],
        model=catalog.models.find(row["model"]).spec,
        recipe=_recipe(row),
        layout=ONE_RANK if gpus is None else Layout(dp=gpus, zero=row["zero"]),
        micro_batch=row["micro_batch"],
        seq_len=row["seq_len"],
        phase_bytes={phase: row[phase] for phase in _PHASES},
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
        recipe="pure" if row["mode"] == "pure" else "autocast",
        optimizer=row["optimizer"],
        optimizer_impl=row["optimizer_impl"],
        attention=row["attention"],
        checkpointing=row["checkpointing"],
        dropout=row.get("dropout", 0.0),
        keep_logits=row.get("keep_logits", False),
        accumulate=row.get("accumulate", False),
        method=method,
    )
