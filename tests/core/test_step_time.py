"""Laws of the step time, and published amounts of communication, bubbles and traffic."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptbudget import load_catalog
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.flops import recomputed_flops_per_token, train_flops_per_token
from gptbudget.core.memory.timeline import peak_bytes
from gptbudget.core.parts import Parts
from gptbudget.core.step import TrainingStep, implementation
from gptbudget.core.time import collectives as comm
from gptbudget.core.time.matmul import product_s, traffic_s
from gptbudget.core.time.step import step_time
from gptbudget.run.machine import machine_of
from gptbudget.specs.layout import ONE_RANK, Layout, Zero
from gptbudget.specs.machine import Machine
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Method, Recipe

STACKS = load_evidence().stacks.stacks


@cache
def model(name: str) -> ModelSpec:
    return load_catalog().models.find(name).spec


@cache
def machine(name: str = "h100", stack: str = "compiled") -> Machine:
    gpu = load_catalog().gpus.find(name).spec
    peak = gpu.peak_flops_per_s("bf16")
    assert peak is not None
    return machine_of(gpu, "bf16", peak, STACKS[stack].speed, 50.0).rates


def seconds(
    name: str,
    layout: Layout = ONE_RANK,
    stack: str = "compiled",
    on: Machine | None = None,
    micro_batch: Any = 1,
    seq_len: Any = 1024,
    micro_batches: Any = 8,
    **options: Any,
) -> Parts[Any]:
    recipe = Recipe(**{"precision": "bf16", **options})
    where = on or machine("h100", stack)
    how = implementation(model(name), stack, load_evidence().stacks, recipe.loss)
    step = TrainingStep(model(name), recipe, how, micro_batch, seq_len, layout, micro_batches)
    return step_time(step, where)


# -- published amounts


def test_tensor_parallel_traffic_of_gpt3() -> None:
    # Narayanan et al. 2021, section 3.2: 8 b s h (t - 1)/t elements: 352.3 MB a block over 8 ranks.
    assert 2 * comm.tensor_parallel_elements(2048, 12288, 8) / 1e6 == pytest.approx(352.3, rel=1e-3)


@pytest.mark.parametrize(("zero", "gb"), [(0, 23.584), (3, 35.377)])
def test_data_parallel_traffic_of_llama_2(zero: int, gb: float) -> None:
    # Ring collectives over 8 ranks in 16 bit; ZeRO, section 7: half as much again in stage 3.
    parameters = 6_738_415_616
    sent = (
        comm.gather_sent(3 * 2 * parameters, 8) if zero else comm.all_reduce_sent(2 * parameters, 8)
    )

    assert sent / 1e9 == pytest.approx(gb, rel=1e-4)


@pytest.mark.parametrize(
    ("peak", "share", "link", "tokens"),
    [
        (989e12, 0.45, 360e9, 1236),
        (989e12, 0.45, 50e9, 8901),
        (312e12, 0.5, 230e9, 678),
        (312e12, 0.5, 25e9, 6240),
    ],
)
def test_tokens_that_hide_fsdp(peak: float, share: float, link: float, tokens: float) -> None:
    # 6 N bytes behind 6 N T FLOPs: T = u P / W, over many ranks.
    one = 1e9
    sent = comm.gather_sent(3 * 2 * one, 1e9) / link
    window = 6 * one * tokens / (share * peak)

    assert sent == pytest.approx(window, rel=1e-3)
    assert comm.exposed_s(sent, window * 1.001, 1.0) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("layers", "layout", "micro_batches", "share"),
    [
        # Korthikanti et al. 2022, 1T: (p - 1)/m; Narayanan et al. 2021, 530B: (p - 1)/(v m).
        (128, Layout(tp=8, pp=64), 512, 0.12305),
        (105, Layout(tp=8, pp=35, vp=3), 280, 0.04048),
    ],
)
def test_pipeline_bubble(layers: int, layout: Layout, micro_batches: int, share: float) -> None:
    shape = model("gpt3-175b").model_copy(update={"layers": layers, "vocabulary": 8})
    recipe = Recipe(precision="bf16")
    how = implementation(shape, "megatron", load_evidence().stacks, recipe.loss)
    step = TrainingStep(shape, recipe, how, 1, 2048, layout, micro_batches)
    parts = step_time(step, machine())
    outside = ("logits_and_loss", "pipeline_bubble", "pipeline_messages", "optimizer")
    ideal = parts.total - sum(parts[name] for name in outside)

    assert parts["pipeline_bubble"] / ideal == pytest.approx(share, rel=1e-3)


def test_tiles_of_a_product() -> None:
    # ml-engineering, performance: 8,192 x 14,336 is 3,584 blocks of 128 x 256, 28 waves of 132, of
    # which 0.9697 work. Ours are half as large, and lose half a wave in the mean.
    on = machine()
    small, none = (
        product_s(8192, 14336, 4096, each) for each in (on, on._replace(multiprocessors=0))
    )
    operands = product_s(8192, 14336, 4096, on._replace(matmul_flops_per_s=math.inf))
    lost = (small - operands) / (none - operands) - 1

    tiles = 0.5 * 132 / lost / 2
    assert tiles == pytest.approx(3584)
    assert pytest.approx(0.9697, abs=1e-4) == 3584 / (28 * 132)
    assert 0 < lost < 1 / 0.9697 - 1


def test_optimizer_traffic_of_llama_3() -> None:
    # 28 bytes of a parameter at 80 % of an H100's 3.35 TB/s: 83.9 ms. Ours is at 85 %, and reads
    # 16-bit gradients twice more, for their norm and to be zeroed.
    on = machine()._replace(memory_bytes_per_s=3.35e12)
    parts = seconds("llama-3-8b", on=on, weight_storage="master", stack="native")

    least = traffic_s(28 * 8_030_261_248, on) * 0.85 / 0.80
    assert least == pytest.approx(83.9e-3, rel=2e-3)
    assert parts["optimizer"] == pytest.approx(least * (28 + 2 * 2) / 28 * 0.80 / 0.85)


def test_all_to_all_of_deepseek_v3() -> None:
    # 4 k h 2 bytes a token and layer in 16 bit, forward and backward: 458,752.
    on = machine()._replace(
        link_bytes_per_s=1.0,
        domain_gpus=10**6,
        node_gpus=10**6,
        network_bytes_per_s=1.0,
        matmul_flops_per_s=1e30,
    )
    layout = Layout(dp=256, ep=256)
    parts = seconds("deepseek-v3", layout, on=on, seq_len=1, micro_batches=1)
    experts = model("deepseek-v3").expert_layers

    assert parts["expert_all_to_all"] / experts == pytest.approx(458_752 * 255 / 256)


# -- laws

names = st.sampled_from(["gpt2", "gpt2-xl", "llama-2-7b", "llama-3.1-8b", "mixtral-8x7b"])
stacks = st.sampled_from(sorted(STACKS))
degrees = st.sampled_from([1, 2, 4, 8])


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    tp, dp = draw(degrees), draw(degrees)
    zero = cast("Zero", draw(st.sampled_from([0, 1, 2, 3])))
    shards = [each for each in (1, 2, 4) if each < dp] if zero else []
    return Layout(
        dp=dp,
        tp=tp,
        pp=(pp := draw(degrees)),
        vp=draw(st.sampled_from([1, 2])) if pp > 1 else 1,
        cp=draw(degrees),
        zero=zero,
        dp_shard=draw(st.sampled_from([None, *shards])),
        sequence_parallel=tp > 1 and draw(st.booleans()),
    )


RECIPES: list[dict[str, Any]] = [
    {
        "weight_storage": kind,
        "checkpointing": checkpointing,
        "attention": attention,
        "precision": precision,
        "offload": offload,
        "method": method,
        "optimizer": optimizer,
    }
    for kind in ("autocast", "pure")
    for checkpointing in ("none", "selective", "full")
    for attention in ("flash", "eager")
    for precision in ("fp32", "bf16", "fp8", "fp4")
    for offload in ("none", "optimizer", "all")
    for method in (
        Method(),
        Method(kind="qlora"),
        Method(kind="lora", lora_targets="qv", lora_rank=1024),
        Method(kind="frozen", frozen_layers=6),
    )
    for optimizer in ("adamw", "paged-adamw8bit", "muon")
]
recipes = st.sampled_from(RECIPES)
sizes = st.integers(1, 16)
lengths = st.sampled_from([8, 128, 1024, 8192])


@given(
    name=names, layout=layouts(), stack=stacks, recipe=recipes, batch=sizes, seq=lengths, many=sizes
)
@settings(deadline=None, max_examples=200)
def test_a_better_machine_is_never_slower(
    name: str, layout: Layout, stack: str, recipe: dict[str, Any], batch: int, seq: int, many: int
) -> None:
    on = machine("h100", stack)
    before = seconds(name, layout, stack, on, batch, seq, many, **recipe).total
    rates = (
        "matmul_flops_per_s",
        "memory_bytes_per_s",
        "link_bytes_per_s",
        "slot_bytes_per_s",
        "network_bytes_per_s",
        "host_bytes_per_s",
    )
    for rate in rates:
        better = on._replace(**{rate: 2 * getattr(on, rate)})
        after = seconds(name, layout, stack, better, batch, seq, many, **recipe).total
        assert after <= before * (1 + 1e-12), rate


@given(
    name=names, layout=layouts(), stack=stacks, recipe=recipes, batch=sizes, seq=lengths, many=sizes
)
@settings(deadline=None, max_examples=200)
def test_more_tokens_never_take_less_time(
    name: str, layout: Layout, stack: str, recipe: dict[str, Any], batch: int, seq: int, many: int
) -> None:
    on = machine("h100", stack)
    before = seconds(name, layout, stack, on, batch, seq, many, **recipe)
    assert all(part >= 0 for part in before.values())
    for more in ((batch + 1, seq, many), (batch, 2 * seq, many), (batch, seq, many + 1)):
        after = seconds(name, layout, stack, on, *more, **recipe).total
        assert after >= before.total * (1 - 1e-12)


@given(
    name=names, layout=layouts(), stack=stacks, recipe=recipes, batch=sizes, seq=lengths, many=sizes
)
@settings(deadline=None, max_examples=200)
def test_utilization_is_what_the_matmul_rate_allows(
    name: str, layout: Layout, stack: str, recipe: dict[str, Any], batch: int, seq: int, many: int
) -> None:
    on = machine("h100", stack)
    parts = seconds(name, layout, stack, on, batch, seq, many, **recipe)
    tokens = batch * seq * many * layout.dp
    counted = train_flops_per_token(model(name), seq, "causal", recipe["method"]).total * tokens
    narrow = recipe["precision"] in {"fp8", "fp4"}
    rate = on.matmul_flops_per_s * (on.narrow_ratio if narrow else 1)

    assert counted / parts.total / layout.gpus <= rate


def test_a_perfect_machine_leaves_arithmetic_and_bubble() -> None:
    perfect = machine()._replace(
        memory_bytes_per_s=math.inf,
        link_bytes_per_s=math.inf,
        network_bytes_per_s=math.inf,
        host_bytes_per_s=math.inf,
        multiprocessors=0,
        slot_bytes_per_s=math.inf,
        domain_gpus=10**9,
        sustained_share=1.0,
    )
    layout = Layout(dp=4, tp=2, pp=4, zero=1)
    parts = seconds("llama-2-7b", layout, "megatron", perfect, 1, 4096, 16, checkpointing="full")
    left = parts.present()
    flops = train_flops_per_token(model("llama-2-7b"), 4096)
    again = recomputed_flops_per_token(model("llama-2-7b"), 4096, "full")
    products = flops.total - flops["attention_scores"] + again - flops["attention_scores"] / 3
    arithmetic = products * 4096 * 16 / 8 / perfect.matmul_flops_per_s
    ours = left["products"] + left["recomputation"] + left["logits_and_loss"]

    assert set(left) == {
        "products",
        "attention",
        "recomputation",
        "logits_and_loss",
        "pipeline_bubble",
    }
    attention_again = left["attention"] / 3.5
    head = left["logits_and_loss"] * (1 - 1 / 4)  # the head is on one stage of four
    assert ours - attention_again - head == pytest.approx(arithmetic, rel=1e-3)


@pytest.mark.parametrize("ep", [1, 2, 4, 8])
def test_experts_cost_as_much_however_they_are_cut(ep: int) -> None:
    # A rank of 8 works on an eighth of all products, by slices of experts or by whole ones, whose
    # padding and weights are wider.
    sliced = seconds("mixtral-8x7b", Layout(tp=8), seq_len=8192)["products"]
    spread = seconds("mixtral-8x7b", Layout(tp=8, ep=ep), seq_len=8192)["products"]
    whole = seconds("mixtral-8x7b", seq_len=8192)["products"]

    assert spread == pytest.approx(sliced, rel=0.25)
    assert 8 * spread == pytest.approx(whole, rel=0.35)


def test_frozen_blocks_have_a_forward_pass_alone() -> None:
    # A third of the products of a block is its forward pass.
    full = seconds("llama-2-7b")
    half = seconds("llama-2-7b", method=Method(kind="frozen", frozen_layers=16))

    assert half["products"] == pytest.approx(full["products"] * (1 + 1 / 3) / 2)
    assert half["logits_and_loss"] == full["logits_and_loss"]
    assert half["optimizer"] < full["optimizer"] * 0.6


@pytest.mark.parametrize("frozen_layers", [1, 16, 24, 31])
def test_what_is_trained_is_exchanged_and_updated_on_its_stage(frozen_layers: int) -> None:
    # The first stage of two may train nothing; the pace is that of the stage that does most.
    method = Method(kind="frozen", frozen_layers=frozen_layers)
    layout = Layout(dp=8, pp=2, zero=1)
    parts = seconds("llama-2-7b", layout, "megatron", weight_storage="master", method=method)
    whole = seconds("llama-2-7b", layout, "megatron", weight_storage="master")

    assert parts["data_parallel"] > 0
    assert parts["optimizer"] > 0
    assert parts.total < whole.total


def test_arrays_are_many_scalars() -> None:
    batches, seqs = np.array([1, 2, 8]), np.array([512, 1024, 4096])
    layout = Layout(dp=8, tp=2, zero=1)
    many = seconds("llama-2-7b", layout, micro_batch=batches, seq_len=seqs)

    for index, (batch, seq) in enumerate(zip(batches, seqs, strict=True)):
        one = seconds("llama-2-7b", layout, micro_batch=int(batch), seq_len=int(seq))
        assert many.total[index] == pytest.approx(one.total)


# -- what readers of the formula found


def test_a_recomputed_ring_passes_keys_and_values_once_more() -> None:
    slow = machine()._replace(link_bytes_per_s=1e9)
    kept, again = (
        seconds("llama-2-7b", Layout(cp=8), on=slow, seq_len=8192, checkpointing=how)
        for how in ("none", "full")
    )

    assert again["context_ring"] == pytest.approx(kept["context_ring"] * 4 / 3, rel=0.05)


def test_the_schedule_does_not_depend_on_who_gave_the_batch() -> None:
    layout = Layout(dp=8, pp=2, zero=3)
    slow = machine()._replace(link_bytes_per_s=5e9)
    said, default = (
        seconds("llama-3-8b", layout, "torchtitan", on=slow, accumulate=accumulate)
        for accumulate in (True, False)
    )

    assert said.total == default.total


def test_an_offload_has_no_overlap_that_experts_use() -> None:
    # Ranks of tensor parallelism share experts of ep < tp, whose collectives run beside the step.
    layout = Layout(tp=8, ep=2, zero=3)
    few, many = (
        seconds(
            "mixtral-8x7b",
            layout,
            "megatron",
            micro_batch=batch,
            seq_len=4096,
            micro_batches=16,
            offload="all",
        )
        for batch in (1, 8)
    )

    assert many.total > few.total


# -- a million at once


@pytest.mark.parametrize("zero", [0, 1, 2, 3])
@pytest.mark.parametrize(("name", "stack"), [("llama-2-7b", "megatron"), ("gpt2-xl", "compiled")])
@pytest.mark.parametrize("checkpointing", ["none", "full"])
def test_layouts_are_elements_of_arrays(
    zero: Zero, name: str, stack: str, checkpointing: str
) -> None:
    layers = model(name).layers
    pp: Any = np.array([each for each in (4, 8, 16) if layers % each == 0]).reshape(-1, 1, 1, 1)
    vp: Any = np.array([1, 2]).reshape(-1, 1, 1)
    dp: Any = np.array([1, 2, 6]).reshape(-1, 1)
    batch = np.array([1, 4])
    tp = 1 if name == "gpt2-xl" else 4
    recipe = Recipe(precision="bf16", checkpointing=cast("Any", checkpointing), accumulate=True)
    how = implementation(model(name), stack, load_evidence().stacks, recipe.loss)

    def both(layout: Layout, batch: Any) -> tuple[Any, Any, Any]:
        step = TrainingStep(model(name), recipe, how, batch, 1024, layout, 12)
        found = peak_bytes(step)
        assert found is not None
        parts = step_time(step, machine())
        return *found, parts.total

    many = both(Layout(dp=dp, tp=tp, pp=pp, vp=vp, zero=zero), batch)
    shape = np.broadcast_shapes(*(np.shape(each) for each in many))
    for index in np.ndindex(shape):
        degrees = (np.broadcast_to(each, shape)[index] for each in (dp, pp, vp))
        one_dp, one_pp, one_vp = map(int, degrees)
        layout = Layout(dp=one_dp, tp=tp, pp=one_pp, vp=one_vp, zero=zero)
        one = both(layout, int(np.broadcast_to(batch, shape)[index]))
        assert [np.broadcast_to(each, shape)[index] for each in many] == list(one)


def test_cases_that_differ_in_kind_are_no_array() -> None:
    with pytest.raises(ValueError, match="differ in kind"):
        seconds("llama-2-7b", Layout(pp=cast("Any", np.array([1, 4]))))


def test_the_host_updates_what_is_offloaded_to_it() -> None:
    # DeepSpeed pull request 735: 8.2 s for 11.6 billion parameters, all ranks of a host together.
    alone = seconds("gpt2-xl", offload="optimizer")["host_update"]
    shared = seconds("gpt2-xl", Layout(dp=8, zero=1), offload="optimizer")["host_update"]
    on_card = seconds("gpt2-xl", stack="native", weight_storage="master", offload="optimizer")

    assert alone == pytest.approx(1_557_611_200 * 8.2 / 11.6e9, rel=0.01)
    assert shared == pytest.approx(alone)
    assert on_card["host_update"] == 0
