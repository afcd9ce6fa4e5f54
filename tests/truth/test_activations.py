"""What a block keeps for its backward pass, against the tensors PyTorch saves: exact integers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.core.memory.activations import head_tensors, layer_tensors
from gptbudget.core.memory.timeline import memory_by_phase
from gptbudget.core.step import TrainingStep
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import LoraTargets, Method, Recipe
from gptbudget.specs.stack import AttentionKind, Mode, Tensors
from tests.measured import rules

HERE = Path(__file__).parent
TABLE = json.loads((HERE / "activations.json").read_text())

# Models of each kind of block; a model takes the rules of its kind.
MODELS = {
    "nanogpt": ("nanogpt-124m", "nanogpt-xl"),
    "hf-gpt2": ("gpt2", "gpt2-xl"),
    "hf-llama": ("llama-3.2-1b", "qwen2.5-0.5b", "mistral-7b-v0.1"),
    "hf-qwen3": ("qwen3-8b",),
    "hf-gemma": ("gemma-2b",),
}
UNITS = {"width": "h"}
OF_GPT_BLOCKS = {"query": ("h", 1), "kv": ("h", 1), "ffn": ("h", 4)}

Coefficients = dict[str, int]


@cache
def model(name: str) -> ModelSpec:
    return load_catalog([HERE / "models.yaml"]).models.find(name).spec


def recipe(mode: Mode, attention: AttentionKind = "efficient", **options: Any) -> Recipe:
    return Recipe(
        precision="fp32" if mode == "fp32" else "bf16",
        weight_storage="pure" if mode == "pure" else "autocast",
        attention=attention,
        **options,
    )


def implementation(block: str, spec: ModelSpec) -> Any:
    return rules(spec, block if block in {"nanogpt", "hf-gpt2"} else "hf-llama")


def step(spec: ModelSpec, asked: Recipe, block: str) -> TrainingStep:
    return TrainingStep(spec, asked, implementation(block, spec), 1, 1)


def coefficients(block: str, tensors: Tensors | None) -> dict[str, float]:
    """Our bytes by the units of the table."""
    assert tensors is not None
    found: dict[str, float] = {}
    for unit, size in tensors.items():
        name, times = UNITS.get(unit, unit), 1
        if block in {"nanogpt", "hf-gpt2"}:
            name, times = OF_GPT_BLOCKS.get(unit, (name, 1))
        found[name] = found.get(name, 0) + times * size
    return {unit: size for unit, size in found.items() if size}


@pytest.mark.parametrize(
    ("block", "mode", "attention", "dropout", "measured"),
    TABLE["blocks"],
    ids=[f"{b}-{m}-{a}{'-dropout' if d else ''}" for b, m, a, d, _ in TABLE["blocks"]],
)
def test_blocks(
    block: str, mode: Mode, attention: AttentionKind, *, dropout: bool, measured: Coefficients
) -> None:
    for name in MODELS[block]:
        spec = model(name)
        asked = recipe(mode, attention, dropout=0.1 if dropout else 0.0)

        ours = layer_tensors(step(spec, asked, block))
        assert coefficients(block, ours) == measured, name


@pytest.mark.parametrize(
    ("block", "mode", "measured"), TABLE["heads"], ids=[f"{b}-{m}" for b, m, _ in TABLE["heads"]]
)
def test_heads(block: str, mode: Mode, measured: Coefficients) -> None:
    for name in MODELS[block]:
        spec = model(name)

        ours = head_tensors(step(spec, recipe(mode), block))
        assert coefficients(block, ours) == measured, name


@pytest.mark.parametrize("rank", [1, 8, 64])
@pytest.mark.parametrize(
    ("mode", "targets", "precision", "dropout", "measured"),
    TABLE["adapters"],
    ids=[f"{m}-{t}-{p}{'-dropout' if d else ''}" for m, t, p, d, _ in TABLE["adapters"]],
)
def test_adapters(
    mode: Mode,
    targets: LoraTargets,
    precision: Any,
    *,
    dropout: bool,
    measured: Coefficients,
    rank: int,
) -> None:
    method = Method(
        kind="lora",
        lora_rank=rank,
        lora_targets=targets,
        lora_precision=precision,
        lora_dropout=0.05 if dropout else 0.0,
    )
    expected = {**measured, "token": measured["token"] + rank * measured["rank"]}
    del expected["rank"]
    for name in MODELS["hf-llama"]:
        spec = model(name)

        ours = layer_tensors(step(spec, recipe(mode, "flash", method=method), "hf-llama"))
        assert coefficients("hf-llama", ours) == expected, name


@pytest.mark.parametrize(
    ("block", "name", "attention", "bytes_"),
    [
        # The integers above in bytes: b = 3, s = 1024, and what each unit counts for the model.
        ("nanogpt", "nanogpt-124m", "flash", 3 * 1024 * (36 * 768 + 16 + 4 * 12)),
        (
            "hf-gpt2",
            "gpt2",
            "eager",
            3 * 1024 * (84 * 768 + 16 + 6 * 12 * 1024),
        ),
        (
            "hf-llama",
            "llama-3.2-1b",
            "flash",
            3 * 1024 * (26 * 2048 + 4 * 2048 + 4 * 512 + 8 * 8192 + 8 + 4 * 32),
        ),
        (
            "hf-qwen3",
            "qwen3-8b",
            "eager",
            3 * 1024 * (26 * 4096 + 14 * 4096 + 6 * 1024 + 8 * 12288 + 8)
            + 3 * 1024 * (6 * 32 * 1024 + 4 * 32 + 4 * 8),
        ),
    ],
)
def test_bytes_of_a_step(block: str, name: str, attention: AttentionKind, bytes_: int) -> None:
    spec = model(name)
    found = memory_by_phase(
        TrainingStep(spec, recipe("autocast", attention), implementation(block, spec), 3, 1024)
    )

    assert found is not None
    assert found.phases["forward_end"]["activations"] == spec.layers * bytes_
