"""FLOPs against PyTorch's FlopCounterMode, to the last digit."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.core.flops import (
    forward_flops_per_token,
    recomputed_flops_per_token,
    train_flops_per_token,
)
from gptbudget.specs.model import ModelSpec

HERE = Path(__file__).parent
TABLE = json.loads((HERE / "flops.json").read_text())
CASES = [dict(zip(TABLE["columns"], row, strict=True)) for row in TABLE["rows"]]
EAGER = [case for case in CASES if case["attention"] == "eager"]
FLASH = [case for case in CASES if case["attention"] == "flash"]
CHECKPOINTED = [case for case in EAGER if case["training_checkpointed"]]

# Dropout behind the last product of the block, or routing, keeps PyTorch from stopping early.
RECOMPUTED_WHOLE = {"gpt2", "gpt2-large", "gpt2-xl", "phi-2", "mixtral-8x7b", "olmoe-1b-7b"}


@cache
def model(name: str) -> ModelSpec:
    return load_catalog([HERE / "models.yaml"]).models.find(name).spec


def case_id(case: dict[str, Any]) -> str:
    return f"{case['model']}-{case['attention']}-{case['micro_batch']}x{case['seq_len']}"


def tokens(case: dict[str, Any]) -> int:
    return int(case["micro_batch"] * case["seq_len"])


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_forward_is_exact(case: dict[str, Any]) -> None:
    per_token = forward_flops_per_token(model(case["model"]), case["seq_len"]).total

    assert per_token * tokens(case) == case["forward"]


@pytest.mark.parametrize("case", EAGER, ids=case_id)
def test_training_is_exact(case: dict[str, Any]) -> None:
    per_token = train_flops_per_token(model(case["model"]), case["seq_len"]).total

    assert per_token * tokens(case) == case["training"]


@pytest.mark.parametrize("case", FLASH, ids=case_id)
def test_flash_adds_one_product_of_queries_and_keys(case: dict[str, Any]) -> None:
    # The kernel recomputes the scores; model FLOPs, as every MFU counts them, do not.
    spec, s = model(case["model"]), case["seq_len"]
    model_flops = train_flops_per_token(spec, s).total * tokens(case)
    again = 2 * tokens(case) * s * spec.query_width * spec.layers

    assert model_flops + again == case["training"]


@pytest.mark.parametrize("case", CHECKPOINTED, ids=case_id)
def test_checkpointing_recomputes_the_blocks(case: dict[str, Any]) -> None:
    spec = model(case["model"])
    measured = case["training_checkpointed"] - case["training"]
    counted = recomputed_flops_per_token(spec, case["seq_len"]) * tokens(case)

    if case["model"] in RECOMPUTED_WHOLE:
        assert counted == measured
    else:
        last_product = 2 * spec.width * spec.ffn_width * spec.layers * tokens(case)
        assert counted == measured + last_product
