"""What a block keeps for its backward pass, against the tensors PyTorch saves: exact integers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.core.memory import memory_by_phase
from gptbudget.core.parts import Parts
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from tests.measured import rules

HERE = Path(__file__).parent
CASES = [tuple(row) for row in json.loads((HERE / "activations.json").read_text())["rows"]]
BLOCKS = [case for case in CASES if case[2] != "head"]
HEADS = [case for case in CASES if case[2] == "head"]

# Enough shapes to tell every coefficient from every other.
MODELS = {
    "nanogpt": ("nanogpt-124m", "nanogpt-xl"),
    "hf-gpt2": ("gpt2", "gpt2-xl"),
    "hf-llama": ("llama-3.2-1b", "qwen2.5-0.5b", "mistral-7b-v0.1"),
}
SHAPES = ((1, 512), (4, 512), (3, 1024))


@cache
def model(name: str) -> ModelSpec:
    return load_catalog([HERE / "models.yaml"]).models.find(name).spec


def kept(case: tuple[Any, ...], spec: ModelSpec, batch: int, seq: int) -> Parts[Any]:
    """Our bytes at the end of the forward pass."""
    name, mode, attention, dropout, _ = case
    recipe = Recipe(
        precision="fp32" if mode == "fp32" else "bf16",
        recipe="pure" if mode == "pure" else "autocast",
        optimizer="adamw",
        optimizer_impl="fused",
        attention=attention,
        checkpointing="none",
        dropout=0.1 if dropout else 0.0,
        keep_logits=False,
        accumulate=False,
    )
    found = memory_by_phase(spec, recipe, rules(spec, name), batch, seq)
    assert found is not None
    return found.phases["forward_end"]


def measured_bytes(coefficients: dict[str, int], spec: ModelSpec, batch: int, seq: int) -> int:
    heads, tokens = spec.attention.heads, batch * seq
    counts = {
        "h": tokens * spec.width,
        "query": tokens * spec.query_width,
        "kv": tokens * spec.kv_width,
        "ffn": tokens * spec.ffn_width,
        "vocabulary": tokens * spec.vocabulary,
        "token": tokens,
        "head": tokens * heads,
        "score": tokens * seq * heads,
        "pair": seq * seq,
    }
    return sum(bytes_ * counts[unit] for unit, bytes_ in coefficients.items())


def case_id(case: tuple[Any, ...]) -> str:
    block, mode, attention, dropout, _ = case
    return f"{block}-{mode}-{attention}{'-dropout' if dropout else ''}"


@pytest.mark.parametrize("case", BLOCKS, ids=case_id)
def test_blocks_keep_what_pytorch_saves(case: tuple[Any, ...]) -> None:
    for name in MODELS[case[0]]:
        for batch, seq in SHAPES:
            spec = model(name)
            ours = kept(case, spec, batch, seq)["activations"]

            assert ours == spec.layers * measured_bytes(case[4], spec, batch, seq), (name, seq)


@pytest.mark.parametrize("case", HEADS, ids=case_id)
def test_head_keeps_what_pytorch_saves(case: tuple[Any, ...]) -> None:
    # Beyond logits and hidden states: a few integers a token, which were not told apart exactly.
    attention = "efficient" if case[1] == "fp32" else "flash"
    whole = (*case[:2], attention, *case[3:])
    for name in MODELS[case[0]]:
        for batch, seq in SHAPES:
            spec = model(name)
            ours = kept(whole, spec, batch, seq)["logits"]

            more = ours - measured_bytes(case[4], spec, batch, seq)
            assert 0 <= more <= 16 * batch * seq, name
