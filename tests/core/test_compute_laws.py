"""Laws of parameters, FLOPs, scaling, time, cost and overhead."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptbudget import load_catalog
from gptbudget.core import cost
from gptbudget.core.chinchilla import compute_optimal_tokens
from gptbudget.core.cost import delivered_flops_per_s, wall_clock_s
from gptbudget.core.flops import (
    forward_flops_per_token,
    recomputed_flops_per_token,
    six_n_of_method,
    train_flops_per_token,
    train_flops_per_token_6n,
)
from gptbudget.core.memory.overhead import (
    ALLOCATOR_SLACK,
    CONTEXT_BYTES,
    overhead_parts,
    workspace_bytes,
)
from gptbudget.core.parameters import count_parameters
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Method

NAMES = ["gpt2", "nanogpt-124m", "gpt3-175b", "llama-3-8b", "mistral-7b-v0.1", "gopher-280b"]

names = st.sampled_from(NAMES)
lengths = st.integers(1, 131_072)
amounts = st.floats(1e-3, 1e12)


@cache
def model(name: str) -> ModelSpec:
    return load_catalog().models.find(name).spec


@given(name=names, seq=lengths)
@settings(deadline=None)
def test_training_is_three_forward_passes(name: str, seq: int) -> None:
    forward, training = (count(model(name), seq) for count in (forward_flops, training_flops))

    assert training == 3 * forward
    assert sum(train_flops_per_token(model(name), seq).values()) == training


def forward_flops(spec: ModelSpec, seq: int) -> float:
    return float(forward_flops_per_token(spec, seq).total)


def training_flops(spec: ModelSpec, seq: int) -> float:
    return float(train_flops_per_token(spec, seq).total)


@given(name=names, seq=lengths)
@settings(deadline=None)
def test_the_causal_half_is_between_none_and_all(name: str, seq: int) -> None:
    full, causal = (
        train_flops_per_token(model(name), seq, square)["attention_scores"]
        for square in ("full", "causal")
    )

    assert full / 2 <= causal <= full


@given(name=names, seq=st.integers(1, 65_536))
@settings(deadline=None)
def test_longer_sequences_never_take_fewer_flops(name: str, seq: int) -> None:
    assert training_flops(model(name), seq) <= training_flops(model(name), 2 * seq)


@given(seq=st.integers(1, 200), window=st.integers(1, 200))
@settings(deadline=None)
def test_the_causal_count_is_that_of_every_query(seq: int, window: int) -> None:
    mistral = model("mistral-7b-v0.1")
    attention = mistral.attention.model_copy(update={"window": window})
    narrow = mistral.model_copy(update={"attention": attention})
    met = sum(min(position + 1, window) for position in range(seq))

    # Keys and values, forward and twice backward, a multiply-add being two.
    flops = train_flops_per_token(narrow, seq, "causal")["attention_scores"] * seq
    assert flops == pytest.approx(3 * 2 * 2 * met * narrow.query_width * narrow.layers)


def test_a_window_bounds_the_square() -> None:
    mistral = model("mistral-7b-v0.1")

    assert training_flops(mistral, 4096) == training_flops(mistral, 32_768)


@given(name=names, seq=lengths)
@settings(deadline=None)
def test_recomputation_is_less_than_a_forward_pass(name: str, seq: int) -> None:
    assert 0 < recomputed_flops_per_token(model(name), seq) < forward_flops(model(name), seq)


@pytest.mark.parametrize("name", NAMES)
def test_6n_of_a_dense_model_counts_every_parameter(name: str) -> None:
    count = count_parameters(model(name))

    assert count.active == count.total == sum(count.parts.values())
    assert train_flops_per_token_6n(count.active) == 6 * count.total


@given(parameters=st.floats(1e6, 1e13), factor=st.floats(1, 100))
@settings(deadline=None)
def test_larger_models_want_more_tokens(parameters: float, factor: float) -> None:
    assert compute_optimal_tokens(parameters) <= compute_optimal_tokens(parameters * factor)


@given(gpus=st.integers(1, 100_000), rate=amounts, share=st.floats(1e-3, 1), flops=amounts)
def test_time_is_work_over_rate(gpus: int, rate: float, share: float, flops: float) -> None:
    delivered = delivered_flops_per_s(gpus, rate, share)

    assert wall_clock_s(flops, delivered) * delivered == pytest.approx(flops)
    assert delivered_flops_per_s(2 * gpus, rate, share) == pytest.approx(2 * delivered)
    assert delivered_flops_per_s(gpus, rate, share, 0.5) == pytest.approx(delivered / 2)


@given(gpus=st.integers(1, 100_000), seconds=amounts, factor=st.floats(1, 10))
def test_cost_is_linear(gpus: int, seconds: float, factor: float) -> None:
    hours = cost.gpu_hours(gpus, seconds)

    assert cost.gpu_hours(gpus, seconds * factor) == pytest.approx(hours * factor)
    assert cost.rent_usd(hours * factor, 2) == pytest.approx(cost.rent_usd(hours, 2) * factor)
    assert cost.energy_kwh(hours, 700, factor) == pytest.approx(
        cost.energy_kwh(hours, 700) * factor
    )
    assert cost.co2_kg(1000, 400) == pytest.approx(400)


@pytest.mark.parametrize(
    ("capability", "mib"),
    [(8.9, 12.125), (8.0, 12.125), (9.0, 64), (12.0, 64)],
)
def test_workspaces_grow_with_hopper(capability: float, mib: float) -> None:
    # PyTorch's ":4096:2:16:8" and 4 MiB of cuBLASLt; 32 MiB each from compute capability 9.0.
    assert workspace_bytes(capability) == mib * 2**20


@pytest.mark.parametrize("capability", [None, "gfx942"])
def test_hardware_without_cuda_has_no_measured_overhead(capability: str | None) -> None:
    assert not overhead_parts(10 * 2**30, capability)


def test_overhead_is_named_part_by_part() -> None:
    parts = overhead_parts(10 * 2**30, "8.9")

    assert parts["driver_context"] == CONTEXT_BYTES
    assert parts["allocator_slack"] == round(ALLOCATOR_SLACK * 10 * 2**30)
    assert parts.total == sum(parts.values())


@pytest.mark.parametrize("frozen", [1, 8, 31])
def test_frozen_experts_count_as_far_as_tokens_visit_them(frozen: int) -> None:
    # Mixtral 8x7B: 12.88e9 of 46.70e9 parameters are active, embedding included.
    method = Method(kind="frozen", frozen_layers=frozen)
    counted = six_n_of_method(model("mixtral-8x7b"), method)
    active = count_parameters(model("mixtral-8x7b")).active
    table = 32_000 * 4_096
    each = (active - 2 * table) / 32

    assert counted == pytest.approx(6 * active - 4 * (table + frozen * each), rel=1e-4)


def test_a_head_tied_to_a_frozen_embedding_has_no_gradient_of_its_own() -> None:
    method = Method(kind="frozen", frozen_layers=4)
    parts = train_flops_per_token(model("gpt2"), 1024, "full", method)

    assert parts["head"] == 2 * 2 * 768 * 50_257


def test_frozen_blocks_run_forward_only() -> None:
    """Of GPT-2's twelve blocks eight run once and four three times: 20 block passes, not 36."""
    method = Method(kind="frozen", frozen_layers=8)
    parts = train_flops_per_token(model("gpt2"), 1024, "full", method)
    one_block = 2 * 8 * 768**2
    one_square = 2 * 2 * 768 * 1024

    assert parts["feed_forward"] == pytest.approx(20 * one_block)
    assert parts["attention_scores"] == pytest.approx(20 * one_square)


def test_six_n_of_adapters() -> None:
    """PEFT counts 39,976,960 trainable values for rank 16 on every matrix of Llama-2 7B.

    A frozen weight multiplies forward and for the gradient of its input, 4; an adapter's 6.
    """
    counted = six_n_of_method(model("llama-2-7b"), Method(kind="lora", lora_rank=16))

    assert counted == 4 * 6_738_415_616 + 6 * 39_976_960


def test_nothing_is_recomputed_without_checkpointing() -> None:
    assert recomputed_flops_per_token(model("gpt2"), 1024, "none") == 0
