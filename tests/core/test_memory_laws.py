"""Laws of the memory formula that hold for every recipe."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gptbudget import load_catalog
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.arrays import maximum, where
from gptbudget.core.memory.overhead import overhead_parts
from gptbudget.core.memory.timeline import MemoryByPhase, memory_by_phase
from gptbudget.core.parts import Parts
from gptbudget.core.step import TrainingStep, implementation
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Method, Recipe
from tests.measured import rules

MODELS = ["nanogpt-124m", "gpt2-medium", "llama-3.2-1b", "llama-2-7b", "qwen3-8b", "gemma-2b"]
STACKS = ["eager", "hf", "compiled", "native", "megatron", "megatron-2021"]
OPTIMIZERS = ["adamw", "adamw8bit", "paged-adamw8bit", "adafactor", "sgd", "sgdm", "lion", "muon"]
FEWEST_LAYERS = 12

Pair = tuple[str, str]

pairs = st.tuples(st.sampled_from(MODELS), st.sampled_from(STACKS))
batches = st.integers(1, 32)
lengths = st.integers(1, 1024)


@st.composite
def methods(draw: st.DrawFn, kinds: tuple[str, ...]) -> Method:
    kind: Any = draw(st.sampled_from(kinds))
    if kind == "frozen":
        return Method(kind, frozen_layers=draw(st.integers(1, FEWEST_LAYERS - 1)))
    if kind == "full":
        return Method(kind)
    return Method(
        kind,
        lora_rank=draw(st.integers(1, 128)),
        lora_targets=draw(st.sampled_from(["qv", "all"])),
        lora_precision=draw(st.sampled_from(["fp32", "bf16"])),
        lora_dropout=draw(st.sampled_from([0.0, 0.1])),
        double_quant=draw(st.booleans()),
    )


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """A recipe that can be: fp32 has no flash; 16-bit weights need a 16-bit precision."""
    precision: Any = draw(st.sampled_from(["fp32", "tf32", "bf16", "fp16"]))
    wide = precision in {"fp32", "tf32"}
    kind: Any = "autocast" if wide else draw(st.sampled_from(["autocast", "pure", "master"]))
    adapters = {"autocast": ("lora",), "pure": ("lora", "qlora"), "master": ()}[kind]
    loss: Any = draw(st.sampled_from(["plain", "chunked", "fused"]))
    attention = ["efficient", "math", "eager"] if wide else ["flash", "efficient", "math", "eager"]
    return Recipe(
        precision=precision,
        weight_storage=kind,
        optimizer=draw(st.sampled_from(OPTIMIZERS)),
        optimizer_impl=draw(st.sampled_from(["fused", "foreach", "loop"])),
        attention=draw(st.sampled_from(attention)),
        checkpointing=draw(st.sampled_from(["none", "selective", "full"])),
        loss=loss,
        dropout=draw(st.sampled_from([0.0, 0.1])),
        keep_logits=loss != "fused" and draw(st.booleans()),
        accumulate=draw(st.booleans()),
        offload=draw(st.sampled_from(["none", "optimizer", "all"])),
        method=draw(methods(("full", "frozen", *adapters))),
    )


@cache
def spec_of(name: str) -> ModelSpec:
    return load_catalog().models.find(name).spec


def memory(pair: Pair, recipe: Recipe, batch: Any, seq: Any, **changes: Any) -> MemoryByPhase:
    name, stack = pair
    model = spec_of(name).model_copy(update=changes)
    how = implementation(model, stack, load_evidence().stacks, recipe.loss)
    found = memory_by_phase(TrainingStep(model, recipe, how, batch, seq))
    assert found is not None
    return found


def totals(found: MemoryByPhase) -> dict[str, Any]:
    return {phase: parts.total for phase, parts in found.phases.items()}


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_peak_is_the_largest_phase_and_no_part_is_negative(
    pair: Pair, recipe: Recipe, batch: int, seq: int
) -> None:
    found = memory(pair, recipe, batch, seq)

    assert found.peak_bytes == max(totals(found).values())
    assert found.phases[found.peak_phase].total == found.peak_bytes
    for parts in (*found.phases.values(), found.host):
        assert parts.total == sum(parts.values())
        assert all(amount >= 0 for amount in parts.values()), parts


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_every_amount_is_a_whole_number_of_bytes(
    pair: Pair, recipe: Recipe, batch: int, seq: int
) -> None:
    found = memory(pair, recipe, batch, seq)

    parts = (*found.phases.values(), found.host, overhead_parts(found.peak_bytes, "8.9"))
    amounts = [found.cached, *(amount for each in parts for amount in each.values())]
    assert {type(amount) for amount in amounts} == {int}


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_a_step_begins_and_ends_with_what_lives_on(
    pair: Pair, recipe: Recipe, batch: int, seq: int
) -> None:
    found = memory(pair, recipe, batch, seq)

    for phase, parts in found.phases.items():
        for part, amount in found.phases["start"].items():
            assert parts[part] >= amount, (phase, part)


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths, more=st.integers(1, 64))
@settings(deadline=None)
def test_more_never_needs_less(pair: Pair, recipe: Recipe, batch: int, seq: int, more: int) -> None:
    model = spec_of(pair[0])
    before = totals(memory(pair, recipe, batch, seq))
    larger = {
        "micro-batch": memory(pair, recipe, batch + more, seq),
        "sequence": memory(pair, recipe, batch, seq + more),
        "width": memory(pair, recipe, batch, seq, width=model.width + more * model.attention.heads),
        "layers": memory(pair, recipe, batch, seq, layers=model.layers + more),
        "vocabulary": memory(pair, recipe, batch, seq, vocabulary=model.vocabulary + more),
    }

    for what, found in larger.items():
        for phase, total in totals(found).items():
            assert total >= before[phase], (what, phase)


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_checkpointing_never_keeps_more(pair: Pair, recipe: Recipe, batch: int, seq: int) -> None:
    kinds: Any = ("full", "selective", "none")
    ends = [
        memory(pair, recipe._replace(checkpointing=kind), batch, seq).phases["forward_end"]
        for kind in kinds
    ]

    kept = [end["activations"] for end in ends]
    assert kept == sorted(kept)
    assert [end.total for end in ends] == sorted(end.total for end in ends)


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_accumulation_keeps_the_gradients(pair: Pair, recipe: Recipe, batch: int, seq: int) -> None:
    freed, kept = (
        memory(pair, recipe._replace(accumulate=flag), batch, seq) for flag in (False, True)
    )
    gradients = kept.phases["start"]["gradients"]

    for phase in ("start", "forward_peak", "forward_end", "loss_backward"):
        # A fused loss has the gradient of the head ready in the forward pass.
        assert kept.phases[phase]["gradients"] == gradients
        assert 0 <= freed.phases[phase]["gradients"] <= gradients
        if load_evidence().stacks.stacks[pair[1]].keeps_gradients:
            assert freed.phases[phase] == kept.phases[phase]
    assert kept.phases["backward_end"] == freed.phases["backward_end"]
    most = (freed.peak_bytes + gradients) * (1 + 1e-12)
    assert freed.peak_bytes <= kept.peak_bytes <= most


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_every_option_that_keeps_tensors_needs_more(
    pair: Pair, recipe: Recipe, batch: int, seq: int
) -> None:
    plain = recipe._replace(dropout=0.0, keep_logits=False)
    before = totals(memory(pair, plain, batch, seq))

    for changed in (plain._replace(dropout=0.1), plain._replace(keep_logits=True)):
        after = totals(memory(pair, changed, batch, seq))
        assert all(after[phase] >= before[phase] for phase in before)


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_offload_never_raises_the_peak_of_the_card(
    pair: Pair, recipe: Recipe, batch: int, seq: int
) -> None:
    kinds: Any = ("all", "optimizer", "none")
    found = [memory(pair, recipe._replace(offload=kind), batch, seq) for kind in kinds]

    peaks = [one.peak_bytes for one in found]
    assert peaks == sorted(peaks)
    everything, optimizer, nothing = (one.host.total for one in found)
    assert everything >= optimizer > 0
    assert (nothing > 0) is (recipe.optimizer == "paged-adamw8bit")


@given(pair=pairs, recipe=recipes(), batch=batches, seq=lengths)
@settings(deadline=None)
def test_frozen_blocks_never_need_more(pair: Pair, recipe: Recipe, batch: int, seq: int) -> None:
    frozen = [Method("frozen", frozen_layers=layers) for layers in range(1, FEWEST_LAYERS)]
    found = [
        totals(memory(pair, recipe._replace(method=method), batch, seq))
        for method in (Method(), *frozen)
    ]

    for fewer, more in pairwise(found):
        for phase, total in more.items():
            assert total <= fewer[phase] * (1 + 1e-12), phase


@given(pair=pairs, recipe=recipes(), method=methods(("lora",)), batch=batches, seq=lengths)
@settings(deadline=None)
def test_a_larger_rank_never_needs_less(
    pair: Pair, recipe: Recipe, method: Method, batch: int, seq: int
) -> None:
    recipe = recipe._replace(weight_storage="autocast" if recipe.mode == "fp32" else "pure")
    found = [
        totals(memory(pair, recipe._replace(method=method._replace(lora_rank=rank)), batch, seq))
        for rank in (method.lora_rank, method.lora_rank + 1, 2 * method.lora_rank)
    ]

    for smaller, larger in pairwise(found):
        assert all(larger[phase] >= smaller[phase] for phase in smaller)


@given(pair=pairs, recipe=recipes(), method=methods(("qlora",)), batch=batches, seq=lengths)
@settings(deadline=None)
def test_quantizing_the_base_twice_saves_more(
    pair: Pair, recipe: Recipe, method: Method, batch: int, seq: int
) -> None:
    kinds = [
        method._replace(double_quant=True),
        method._replace(double_quant=False),
        method._replace(kind="lora"),
    ]
    recipe = recipe._replace(precision="bf16", weight_storage="pure")
    weights = [
        memory(pair, recipe._replace(method=kind), batch, seq).phases["start"]["weights"]
        for kind in kinds
    ]

    assert weights == sorted(weights)
    assert weights[0] < weights[1] < weights[2] or recipe.offload == "all"


@given(pair=pairs, recipe=recipes(), shapes=st.lists(st.tuples(batches, lengths), min_size=2))
@settings(deadline=None)
def test_arrays_and_numbers_agree_to_the_last_bit(
    pair: Pair, recipe: Recipe, shapes: list[tuple[int, int]]
) -> None:
    batch, seq = (np.array(column, dtype=float) for column in zip(*shapes, strict=True))
    at_once = memory(pair, recipe, batch, seq)
    one_by_one = [memory(pair, recipe, *shape) for shape in shapes]

    peaks = np.broadcast_to(at_once.peak_bytes, len(shapes))
    assert peaks.tolist() == [float(found.peak_bytes) for found in one_by_one]
    for phase, parts in at_once.phases.items():
        for part, amount in {**parts, "total": parts.total}.items():
            expected = [{**f.phases[phase], "total": f.phases[phase].total} for f in one_by_one]
            found = np.broadcast_to(amount, len(shapes)).tolist()
            assert found == [float(row[part]) for row in expected], (phase, part)


def test_what_was_not_measured_is_unknown() -> None:
    model = spec_of("gpt2-medium")
    recipe = Recipe(precision="fp32", attention="flash")

    step = TrainingStep(model, recipe, rules(model, "nanogpt"), 1, 1024)
    assert memory_by_phase(step) is None


def test_choices_are_element_by_element() -> None:
    assert maximum(1, 3, 2) == 3
    assert list(maximum(np.array([1, 5]), 3)) == [3, 5]
    assert where(len(STACKS) > 1, 1, 2) == 1
    assert list(where(np.array([True, False]), 1, 2)) == [1, 2]


def test_parts_sum_and_scale() -> None:
    parts = Parts({"a": 1, "b": 0, "c": 2})

    assert parts.total == 3
    assert dict(parts.scaled(2)) == {"a": 2, "b": 0, "c": 4}
    assert list(parts.present()) == ["a", "c"]
    assert len(parts) == 3
