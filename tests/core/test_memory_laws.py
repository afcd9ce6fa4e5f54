"""Laws of the memory formula that hold for every recipe."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptbudget import load_catalog
from gptbudget.core.activations import Implementation
from gptbudget.core.elementwise import maximum, where
from gptbudget.core.memory import MemoryByPhase, memory_by_phase
from gptbudget.core.parts import Parts
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from tests.measured import rules

PAIRS = [
    ("nanogpt-124m", "nanogpt"),
    ("gpt2-medium", "nanogpt"),
    ("gpt2", "hf-gpt2"),
    ("llama-3.2-1b", "hf-llama"),
    ("llama-2-7b", "hf-llama"),
]

pairs = st.sampled_from(PAIRS)
batches = st.integers(1, 32)
lengths = st.integers(1, 1024)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """A recipe that can be: flash needs 16 bit, and so does everything in 16 bit."""
    precision: Any = draw(st.sampled_from(["fp32", "tf32", "bf16", "fp16"]))
    wide = precision in {"fp32", "tf32"}
    kinds = ["efficient", "math", "eager"] if wide else ["flash", "efficient", "math", "eager"]
    return Recipe(
        precision=precision,
        recipe="autocast" if wide else draw(st.sampled_from(["autocast", "pure"])),
        optimizer=draw(st.sampled_from(["adamw", "adamw8bit", "adafactor", "sgd", "sgdm", "lion"])),
        optimizer_impl=draw(st.sampled_from(["fused", "foreach", "loop"])),
        attention=draw(st.sampled_from(kinds)),
        checkpointing=draw(st.sampled_from(["none", "full"])),
        dropout=draw(st.sampled_from([0.0, 0.1])),
        keep_logits=draw(st.booleans()),
        accumulate=draw(st.booleans()),
    )


@cache
def pieces(pair: tuple[str, str]) -> tuple[ModelSpec, Implementation]:
    name, block = pair
    model = load_catalog().models.find(name).spec
    return model, rules(model, block)


def memory(
    pair: tuple[str, str], recipe: Recipe, batch: Any, seq: Any, **changes: Any
) -> MemoryByPhase:
    model, block = pieces(pair)
    found = memory_by_phase(model.model_copy(update=changes), recipe, block, batch, seq)
    assert found is not None
    return found


def totals(found: MemoryByPhase) -> dict[str, Any]:
    return {phase: parts.total for phase, parts in found.phases.items()}


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_peak_is_the_largest_phase(
    pair: tuple[str, str], recipe: Recipe, batch: int, seq: int
) -> None:
    found = memory(pair, recipe, batch, seq)

    assert found.peak_bytes == max(totals(found).values())
    assert found.phases[found.peak_phase].total == found.peak_bytes
    assert all(amount >= 0 for parts in found.phases.values() for amount in parts.values())


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_peak_is_less_than_the_sum_of_everything(
    pair: tuple[str, str], recipe: Recipe, batch: int, seq: int
) -> None:
    found = memory(pair, recipe, batch, seq)
    largest: dict[str, Any] = {}
    for parts in found.phases.values():
        for part, amount in parts.items():
            largest[part] = max(largest.get(part, 0), amount)

    assert found.peak_bytes <= sum(largest.values())


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths, more=st.integers(1, 64))
@settings(deadline=None)
def test_more_never_needs_less(
    pair: tuple[str, str], recipe: Recipe, batch: int, seq: int, more: int
) -> None:
    model, _ = pieces(pair)
    wider = model.width + more * model.attention.heads
    before = totals(memory(pair, recipe, batch, seq))
    larger = [
        memory(pair, recipe, batch + more, seq),
        memory(pair, recipe, batch, seq + more),
        memory(pair, recipe, batch, seq, width=wider),
        memory(pair, recipe, batch, seq, layers=model.layers + more),
    ]

    for found in map(totals, larger):
        assert all(found[phase] >= before[phase] for phase in before)


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_checkpointing_never_keeps_more(
    pair: tuple[str, str], recipe: Recipe, batch: int, seq: int
) -> None:
    kept, saved = (
        memory(pair, recipe.model_copy(update={"checkpointing": kind}), batch, seq)
        for kind in ("none", "full")
    )

    assert saved.phases["forward_end"].total <= kept.phases["forward_end"].total
    assert saved.phases["forward_end"]["activations"] <= kept.phases["forward_end"]["activations"]


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_accumulation_keeps_the_gradients(
    pair: tuple[str, str], recipe: Recipe, batch: int, seq: int
) -> None:
    freed, kept = (
        memory(pair, recipe.model_copy(update={"accumulate": flag}), batch, seq)
        for flag in (False, True)
    )
    weights = kept.phases["start"]["weights"]

    for phase in ("start", "forward_peak", "forward_end", "loss_backward"):
        more = totals(kept)[phase] - totals(freed)[phase]
        assert more == pytest.approx(weights, rel=1e-9)
    assert freed.peak_bytes <= kept.peak_bytes <= freed.peak_bytes + weights


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_every_option_that_keeps_tensors_needs_more(
    pair: tuple[str, str], recipe: Recipe, batch: int, seq: int
) -> None:
    plain = recipe.model_copy(update={"dropout": 0.0, "keep_logits": False})
    before = totals(memory(pair, plain, batch, seq))

    for change in ({"dropout": 0.1}, {"keep_logits": True}):
        after = totals(memory(pair, plain.model_copy(update=change), batch, seq))
        # Logits that the caller keeps are those the loss works on.
        assert all(after[phase] >= before[phase] for phase in before)


@given(pair=pairs, recipe=recipes(), shapes=st.lists(st.tuples(batches, lengths), min_size=2))
@settings(deadline=None)
def test_arrays_and_numbers_agree(
    pair: tuple[str, str], recipe: Recipe, shapes: list[tuple[int, int]]
) -> None:
    batch, seq = (np.array(column, dtype=float) for column in zip(*shapes, strict=True))
    at_once = memory(pair, recipe, batch, seq)

    one_by_one = [memory(pair, recipe, *shape) for shape in shapes]
    np.testing.assert_allclose(
        np.broadcast_to(at_once.peak_bytes, len(shapes)),
        [float(found.peak_bytes) for found in one_by_one],
        rtol=1e-12,
    )
    for phase, parts in at_once.phases.items():
        expected = [float(found.phases[phase].total) for found in one_by_one]
        np.testing.assert_allclose(np.broadcast_to(parts.total, len(shapes)), expected, rtol=1e-12)


def test_what_was_not_measured_is_unknown() -> None:
    model, block = pieces(("gpt2", "nanogpt"))
    recipe = Recipe(
        precision="fp32",
        recipe="autocast",
        optimizer="adamw",
        optimizer_impl="fused",
        attention="flash",
        checkpointing="none",
        dropout=0.0,
        keep_logits=False,
        accumulate=False,
    )

    assert memory_by_phase(model, recipe, block, 1, 1024) is None


def test_choices_are_element_by_element() -> None:
    assert maximum(1, 3, 2) == 3
    assert list(maximum(np.array([1, 5]), 3)) == [3, 5]
    assert where(len(PAIRS) > 1, 1, 2) == 1
    assert list(where(np.array([True, False]), 1, 2)) == [1, 2]


def test_parts_sum_and_scale() -> None:
    parts = Parts({"a": 1, "b": 0, "c": 2})

    assert parts.total == 3
    assert dict(parts.scaled(2)) == {"a": 2, "b": 0, "c": 4}
    assert list(parts.present()) == ["a", "c"]
    assert len(parts) == 3
