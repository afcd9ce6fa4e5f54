"""Bytes that ``dry-run`` counts for a small GPT: as recorded, and against our formulas.

With ``GPTBUDGET_TORCH_PYTHON`` set, ``GPTBUDGET_REWRITE=1 pytest tests/truth/test_dryrun.py`` runs
``dryrun/train.py`` in every setting, records the bytes in ``dryrun/steps.json``, and runs it again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gptbudget import load_catalog
from gptbudget.core.memory.timeline import memory_by_phase
from gptbudget.core.step import TrainingStep
from gptbudget.dryrun.environment import find_environment
from gptbudget.dryrun.run import Asked, dry_run
from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.specs.recipe import Recipe
from tests.measured import rules

HERE = Path(__file__).parent
PROGRAM, FIXTURE = HERE / "dryrun" / "train.py", HERE / "dryrun" / "steps.json"
GPU = "a100-sxm-80gb"
BATCH, LENGTH = 8, 256
WORKSPACES = 2 * 8_519_680
"""cuBLAS's before Hopper, of Python's thread and of autograd's; our formulas leave them out."""
TOKENS, POSITIONS = 8 * BATCH * LENGTH, 8 * LENGTH
"""The program's 64-bit integers: its batch, and the positions that the backward pass needs."""

PHASES = {
    "forward": ("forward_peak", "forward_end"),
    "backward": ("loss_backward", "block_backward", "backward_end"),
    "optimizer_step": ("optimizer_step",),
}
AMOUNTS = ("peak_requested_bytes", "peak_allocated_bytes", "peak_reserved_bytes")


class Setting(NamedTuple):
    """How the program is called, and the same for our formulas."""

    arguments: str
    recipe: Recipe
    layout: Layout = ONE_RANK


BF16 = Recipe(precision="bf16")
PURE = BF16._replace(weight_storage="pure")
SETTINGS = {
    "autocast": Setting("", BF16),
    "checkpointed": Setting("--checkpointed", BF16._replace(checkpointing="full")),
    "eager-kept-logits": Setting(
        "--eager --keep-logits", BF16._replace(attention="eager", keep_logits=True)
    ),
    "accumulated": Setting("--accumulate", BF16._replace(accumulate=True)),
    "pure-sgd": Setting(
        "--mode pure --optimizer sgd-momentum",
        PURE._replace(optimizer="sgdm", optimizer_impl="foreach"),
    ),
    "pure-loop": Setting("--mode pure --optimizer loop", PURE._replace(optimizer_impl="loop")),
    "fp32": Setting(
        "--mode fp32 --optimizer foreach",
        Recipe(precision="fp32", attention="efficient", optimizer_impl="foreach"),
    ),
    "sharded": Setting(
        "--sharded --optimizer foreach",
        BF16._replace(optimizer_impl="foreach"),
        Layout(dp=4, zero=3),
    ),
}


def record(python: Path, setting: Setting) -> dict[str, dict[str, int]]:
    """The peaks of the second step by phase, as the program's allocator counts them."""
    run = dry_run(
        Asked(
            command=(str(python), str(PROGRAM), *setting.arguments.split()),
            gpu=load_catalog().gpus.find(GPU).spec,
            gpus=setting.layout.dp,
        )
    )
    assert run.report["error"] is None
    spans = [span for span in run.report["spans"] if span["step"] == 2]
    return {
        phase: {
            amount: max(span[amount] for span in spans if span["phase"] == phase)
            for amount in AMOUNTS
        }
        for phase in PHASES
    }


def fixture() -> Any:
    return json.loads(FIXTURE.read_text(encoding="utf-8"))


def missing(name: str) -> dict[str, int]:
    """The bytes of each phase that our formulas leave out."""
    setting = SETTINGS[name]
    model = load_catalog([HERE / "models.yaml"]).models.find("small-gpt").spec
    ours = memory_by_phase(
        TrainingStep(model, setting.recipe, rules(model, "nanogpt"), BATCH, LENGTH, setting.layout)
    )
    assert ours is not None
    totals = {str(phase): parts.total for phase, parts in ours.phases.items()}
    recorded = fixture()["settings"][name]
    return {
        phase: recorded[phase]["peak_requested_bytes"]
        - WORKSPACES
        - int(max(totals[part] for part in parts))
        for phase, parts in PHASES.items()
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_the_program_takes_what_was_recorded(torch_python: Path, name: str) -> None:
    version, table = find_environment(torch_python).torch_version, fixture()
    if os.environ.get("GPTBUDGET_REWRITE"):
        if version != table["torch"]:
            table = {"torch": version, "gpu": GPU, "settings": {}}
        table["settings"][name] = record(torch_python, SETTINGS[name])
        FIXTURE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    if version != table["torch"]:
        pytest.skip(f"recorded with PyTorch {table['torch']}, not {version}")
    assert record(torch_python, SETTINGS[name]) == table["settings"][name]


@pytest.mark.parametrize("name", SETTINGS)
def test_our_formulas_leave_out_integers_alone(name: str) -> None:
    # Of 85 to 697 MB that is 0.003 to 0.02 %. The last 256 bytes are the loss, AdamW's step counts
    # (4 bytes a tensor) and the random state that flash attention keeps (24 bytes a layer).
    for phase, amount in missing(name).items():
        integers = TOKENS if phase == "optimizer_step" else TOKENS + POSITIONS
        assert 0 <= amount - integers <= 256, phase
