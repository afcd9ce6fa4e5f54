"""GPT-2: sizes of the released checkpoints, and bytes of model state.

https://huggingface.co/openai-community/gpt2 (and -medium, -large, -xl): config.json and checkpoint
https://github.com/bitsandbytes-foundation/bitsandbytes/blob/main/bitsandbytes/optim/optimizer.py
"""

from __future__ import annotations

from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.core.memory.placement import ParameterShard
from gptbudget.core.memory.states import optimizer_bytes
from gptbudget.core.memory.timeline import memory_by_phase
from gptbudget.core.parameters import count_parameters
from gptbudget.core.step import TrainingStep
from gptbudget.specs.recipe import Recipe
from gptbudget.units import GIB
from tests.measured import rules

PARAMETERS = {
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
}


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items(), ids=PARAMETERS)
def test_parameters_of_the_checkpoints(name: str, parameters: int) -> None:
    assert count_parameters(load_catalog().models.find(name).spec).total == parameters


@pytest.mark.parametrize("name", PARAMETERS)
def test_closed_form(name: str) -> None:
    model = load_catalog().models.find(name).spec
    h, layers = model.width, model.layers
    closed = model.vocabulary * h + model.context * h + layers * (12 * h * h + 13 * h) + 2 * h

    assert count_parameters(model).total == closed


def tensors_gib(name: str, micro_batch: int = 1, phase: Any = None, **changes: Any) -> float:
    """GiB of tensors at the peak, or in one phase, with nanoGPT's blocks at 1,024 tokens."""
    recipe = Recipe(precision="bf16", **changes)
    model = load_catalog().models.find(name).spec
    found = memory_by_phase(TrainingStep(model, recipe, rules(model, "nanogpt"), micro_batch, 1024))
    assert found is not None
    return float(found.phases[phase].total if phase else found.peak_bytes) / GIB


@pytest.mark.parametrize(
    ("recipe", "optimizer", "gib"),
    [
        # weights + gradients + optimizer, in bytes a parameter
        pytest.param("autocast", "adamw", 23.21, id="4+4+8"),
        pytest.param("autocast", "adamw8bit", 14.51, id="4+4+2"),
        pytest.param("pure", "adamw", 11.61, id="2+2+4"),
        pytest.param("pure", "adamw8bit", 8.709, id="2+2+2"),
    ],
)
def test_model_states_of_xl(recipe: str, optimizer: str, gib: float) -> None:
    # 0.1 %: two decimals; the 8-bit optimizer's scales are 0.004 bytes a parameter.
    found = tensors_gib(
        "gpt2-xl", phase="optimizer_step", weight_storage=recipe, optimizer=optimizer
    )

    assert found == pytest.approx(gib, rel=1e-3)


@pytest.mark.parametrize(
    ("micro_batch", "attention", "gib"),
    [
        pytest.param(8, "flash", 45.34, id="flash-8"),  # PyTorch's MemTracker
        # Worked out by hand, 40.62, and what nanoGPT's written-out attention holds beside it: in
        # each of 48 layers a mask of 1,024 x 1,024, registered in fp32 and kept as bool.
        pytest.param(2, "eager", 40.62 + 48 * (4 + 1) * 1024**2 / GIB, id="eager-2"),
    ],
)
def test_the_fifty_gigabytes_of_xl(micro_batch: int, attention: str, gib: float) -> None:
    assert tensors_gib("gpt2-xl", micro_batch, attention=attention) == pytest.approx(gib, rel=2e-3)


RECIPES: dict[str, tuple[int, dict[str, Any]]] = {
    "amp-b4": (4, {}),
    "amp": (1, {"checkpointing": "full"}),
    "amp-8bit": (1, {"checkpointing": "full", "optimizer": "adamw8bit"}),
    "pure": (1, {"checkpointing": "full", "weight_storage": "pure"}),
    "pure-8bit": (1, {"checkpointing": "full", "weight_storage": "pure", "optimizer": "adamw8bit"}),
    "offloaded": (1, {"checkpointing": "full", "weight_storage": "master", "offload": "optimizer"}),
}


@pytest.mark.parametrize(
    ("name", "gib"),
    [
        ("gpt2", (5.4, 2.6, 1.9, 1.7, 1.4, 1.2)),
        ("gpt2-medium", (10.5, 6.1, 4.1, 3.4, 2.8, 2.1)),
        ("gpt2-large", (19.0, 12.4, 8.1, 6.6, 5.2, 3.7)),
        ("gpt2-xl", (33.4, 24.1, 15.4, 12.5, 9.6, 6.7)),
    ],
)
def test_what_fits_in_12_gib(name: str, gib: tuple[float, ...]) -> None:
    # Worked out by hand phase by phase, with 0.6 GiB of driver context; one decimal.
    found = [tensors_gib(name, batch, **changes) + 0.6 for batch, changes in RECIPES.values()]

    assert found == pytest.approx(gib, abs=0.06)


def test_xl_with_autocast_and_the_optimizer_offloaded() -> None:
    # Weights and gradients stay in fp32: 11.6 GiB of them alone.
    found = tensors_gib("gpt2-xl", checkpointing="full", offload="optimizer") + 0.6

    assert found == pytest.approx(12.5, abs=0.06)


def test_8bit_adam_takes_two_bytes_and_its_scales() -> None:
    recipe = Recipe(precision="bf16", optimizer="adamw8bit")

    assert optimizer_bytes(ParameterShard(1, 1, 0, 1), recipe) == pytest.approx(2.0039, rel=1e-4)
