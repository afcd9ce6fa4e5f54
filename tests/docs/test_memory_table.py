"""The README's table of GPT-2 on 12 GB: every cell is what ``compare`` says.

``GPTBUDGET_REWRITE=1 pytest tests/docs`` writes the current figures into the README.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from gptbudget import estimate
from gptbudget.units import GIB

README = Path(__file__).parents[2] / "README.md"
TABLE = re.compile(r"(?<=<!-- gpt2 on 12 GB -->\n).*?(?=<!-- end -->)", re.DOTALL)

CHECKPOINTED = {"checkpointing": "full"}
RECIPES: dict[str, dict[str, Any]] = {
    "autocast, micro-batch 4": {"micro_batch": 4},
    "autocast, checkpointed": CHECKPOINTED,
    "autocast, 8-bit, checkpointed": {**CHECKPOINTED, "optimizer": "adamw8bit"},
    "pure bf16, checkpointed": {**CHECKPOINTED, "recipe": "pure"},
    "pure bf16, 8-bit, checkpointed": {
        **CHECKPOINTED,
        "recipe": "pure",
        "optimizer": "adamw8bit",
    },
    "masters, optimizer offloaded, checkpointed": {
        **CHECKPOINTED,
        "recipe": "master",
        "offload": "optimizer",
    },
    "LoRA, checkpointed": {**CHECKPOINTED, "method": "lora"},
}
MODELS = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")


def cell(model: str, options: dict[str, Any]) -> str:
    memory = estimate(gpu="4070ti", model=model, **options).memory
    assert memory is not None
    return f"{memory.peak_bytes / GIB:.1f}{'' if memory.fits else ' **no**'}"


def table() -> str:
    lines = ["| recipe | " + " | ".join(MODELS) + " |", "|---|" + "---:|" * len(MODELS)]
    lines += [
        f"| {name} | " + " | ".join(cell(model, options) for model in MODELS) + " |"
        for name, options in RECIPES.items()
    ]
    return "\n".join(lines) + "\n"


def test_table_is_what_the_calculator_says() -> None:
    text, written = README.read_text(encoding="utf-8"), table()
    found = TABLE.search(text)
    assert found is not None
    if os.environ.get("GPTBUDGET_REWRITE"):
        README.write_text(text[: found.start()] + written + text[found.end() :], encoding="utf-8")
        return
    assert found[0] == written
