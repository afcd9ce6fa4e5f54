"""The README's tables of memory: every cell is what ``compare`` says.

``GPTBUDGET_REWRITE=1 pytest tests/docs`` writes the current figures into the README.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gptbudget import estimate
from gptbudget.units import GIB

README = Path(__file__).parents[2] / "README.md"

CHECKPOINTED = {"checkpointing": "full"}
RECIPES: dict[str, dict[str, Any]] = {
    "fp32, checkpointed": {**CHECKPOINTED, "precision": "fp32"},
    "autocast, micro-batch 4": {"micro_batch": 4},
    "autocast, checkpointed": CHECKPOINTED,
    "autocast, 8-bit, checkpointed": {**CHECKPOINTED, "optimizer": "adamw8bit"},
    "pure bf16, checkpointed": {**CHECKPOINTED, "recipe": "pure"},
    "pure bf16, 8-bit, checkpointed": {
        **CHECKPOINTED,
        "recipe": "pure",
        "optimizer": "adamw8bit",
    },
    "autocast, optimizer offloaded, checkpointed": {**CHECKPOINTED, "offload": "optimizer"},
    "masters, optimizer offloaded, checkpointed": {
        **CHECKPOINTED,
        "recipe": "master",
        "offload": "optimizer",
    },
    "LoRA, checkpointed": {**CHECKPOINTED, "method": "lora"},
}
MODELS = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")

ADAPTED = {
    "GPT-2 XL, LoRA": {"model": "gpt2-xl", "method": "lora"},
    "GPT-2 XL, LoRA, checkpointed": {"model": "gpt2-xl", "method": "lora", **CHECKPOINTED},
    "Llama-2 7B, LoRA": {"model": "llama-2-7b", "method": "lora"},
    "Llama-2 7B, LoRA, checkpointed": {"model": "llama-2-7b", "method": "lora", **CHECKPOINTED},
    "Llama-2 7B, QLoRA": {"model": "llama-2-7b", "method": "qlora"},
    "Llama-2 7B, QLoRA, checkpointed": {"model": "llama-2-7b", "method": "qlora", **CHECKPOINTED},
}
CARDS = {"12 GB": "4070ti", "24 GB": "4090"}


def cell(gpu: str, **options: Any) -> str:
    memory = estimate(gpu=gpu, **options).memory
    assert memory is not None
    return f"{memory.peak_bytes / GIB:.1f}{'' if memory.fits_accumulated else ' **no**'}"


def adapter_table() -> str:
    lines = ["| method | " + " | ".join(CARDS) + " |", "|---|" + "---:|" * len(CARDS)]
    lines += [
        f"| {name} | " + " | ".join(cell(gpu, **options) for gpu in CARDS.values()) + " |"
        for name, options in ADAPTED.items()
    ]
    return "\n".join(lines) + "\n"


def table() -> str:
    lines = ["| recipe | " + " | ".join(MODELS) + " |", "|---|" + "---:|" * len(MODELS)]
    lines += [
        f"| {name} | "
        + " | ".join(cell("4070ti", model=model, **options) for model in MODELS)
        + " |"
        for name, options in RECIPES.items()
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("marker", "written"), [("gpt2 on 12 GB", table), ("adapters", adapter_table)]
)
def test_table_is_what_the_calculator_says(marker: str, written: Callable[[], str]) -> None:
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"(?<=<!-- {marker} -->\n).*?(?=<!-- end -->)", text, re.DOTALL)
    assert found is not None
    if os.environ.get("GPTBUDGET_REWRITE"):
        changed = text[: found.start()] + written() + text[found.end() :]
        README.write_text(changed, encoding="utf-8")
        return
    assert found[0] == written()
