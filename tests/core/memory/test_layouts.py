"""Memory of one GPU of several: published figures, laws of sharding, and what cannot be."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gptbudget import load_catalog
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.memory.buffers import messages
from gptbudget.core.memory.overhead import overhead_parts
from gptbudget.core.memory.placement import ParameterShard, in_flight, place
from gptbudget.core.memory.states import training_states
from gptbudget.core.memory.timeline import MemoryByPhase, memory_by_phase
from gptbudget.core.parameters import count_parameters
from gptbudget.core.step import TrainingStep, implementation
from gptbudget.specs.layout import ONE_RANK, Layout, Zero
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Method, Recipe
from gptbudget.units import GIB
from tests.conftest import Cli

MODELS = data_file("published_models.yaml")
STACKS = load_evidence().stacks
NONE = ParameterShard(0, 0, 0, 1)


@cache
def model(name: str) -> ModelSpec:
    return load_catalog().models.find(name).spec


def memory(
    name: str, layout: Layout, stack: str = "megatron", micro_batches: int = 64, **options: Any
) -> MemoryByPhase:
    recipe = Recipe(**{"precision": "bf16", "weight_storage": "master", **options})
    how = implementation(model(name), stack, STACKS, recipe.loss)
    found = memory_by_phase(TrainingStep(model(name), recipe, how, 1, 2048, layout, micro_batches))
    assert found is not None
    return found


def states_of(parameters: float, shards: int, zero: Zero, stack: str, **options: Any) -> float:
    """Bytes of all states of a rank that holds ``parameters``."""
    held = ParameterShard(parameters, parameters, 0, shards)
    whole = place(model("gpt2"), Method(), ONE_RANK)
    placement = whole._replace(dense=held, experts=NONE, embedding_and_head=NONE, embedding_table=0)
    recipe = Recipe(**{"precision": "bf16", "weight_storage": "master", **options})
    found = training_states(placement, recipe, zero, STACKS.stacks[stack])
    return float(found.weights + found.gradients + found.optimizer_state + found.masters)


@pytest.mark.parametrize(("zero", "gb"), [(0, 120), (1, 31.4), (2, 16.6), (3, 1.9)])
def test_zero_of_7_5_billion_over_64(zero: Zero, gb: float) -> None:
    # Rajbhandari et al. 2020, arXiv 1910.02054, figure 1; 1.5 %: two to three digits.
    assert states_of(7.5e9, 64, zero, "eager") / 1e9 == pytest.approx(gb, rel=0.015)


@pytest.mark.parametrize("shards", [1, 2, 64, 1024])
def test_megatrons_distributed_optimizer(shards: int) -> None:
    # Megatron-LM, docs/user-guide/features/dist_optimizer.md: 6 + 12/d, 4 + 16/d, 8 + 8/d.
    wide = {"precision": "fp32", "weight_storage": "autocast"}

    assert states_of(1, shards, 1, "megatron") == 6 + 12 / shards
    assert states_of(1, shards, 1, "megatron", precision="fp16") == 4 + 16 / shards
    assert states_of(1, shards, 1, "megatron", **wide) == 8 + 8 / shards


def test_checkpoint_of_a_trillion() -> None:
    # Narayanan et al. 2021, section 5.10: 13.8 TB; 3 %: the file is weights, masters and moments.
    gpt = load_catalog([MODELS]).models.find("megatron-1t").spec
    placement = place(gpt, Method(), ONE_RANK)
    recipe = Recipe(precision="bf16", weight_storage="master")
    states = training_states(placement, recipe, 0, STACKS.stacks["megatron"])

    held = states.weights + states.masters + states.optimizer_state
    assert held / 1e12 == pytest.approx(13.8, rel=0.03)


def test_a_replica_holds_the_whole_model_once() -> None:
    # Stages together hold every parameter once; a tied matrix is on the first and the last.
    for name, twice in (("gpt2-xl", True), ("llama-2-7b", False), ("mixtral-8x7b", False)):
        for pp in (1, 2, 3, 8):
            layout = Layout(pp=pp)
            ranks = [place(model(name), Method(), layout, stage) for stage in range(pp)]
            held = sum(kind.parameters for rank in ranks for kind in rank.kinds)
            again = ranks[0].embedding_table if twice and pp > 1 else 0
            assert held == pytest.approx(count_parameters(model(name)).total + again, rel=1e-12)


def test_interleaving_keeps_more_in_flight() -> None:
    # Korthikanti et al. 2022, section 4.2.3: 1 + (p - 1) / (p m) of the model's; 175B: p 8, m 3.
    assert in_flight(Layout(pp=8, vp=3), 0, 64) / 8 == pytest.approx(1.29, abs=0.005)
    assert in_flight(Layout(pp=8), 0, 64) == 8
    assert in_flight(Layout(pp=8), 7, 64) == 1
    assert in_flight(Layout(pp=8), 0, 2) == 2


def test_outputs_of_530b_that_megatron_frees() -> None:
    # Korthikanti et al. 2022, appendix B: s b h p in 16 bit over 35 stages, "2.73 GB" (GiB).
    gpt = load_catalog([MODELS]).models.find("megatron-530b").spec
    layout, pure = Layout(tp=8, pp=35), Recipe(precision="bf16", weight_storage="pure")
    kept, freed = (
        messages(
            TrainingStep(gpt, pure, implementation(gpt, stack, STACKS, "plain"), 1, 2048, layout),
            in_flight(layout, 0, 280),
        )
        for stack in ("eager", "megatron")
    )

    assert (kept - freed) / GIB == pytest.approx(2.73, rel=2e-3)


def test_experts_are_cut_by_experts_and_the_rest_by_tensor_degree() -> None:
    # 8 experts of Mixtral: 45.1 billion of its 46.7 billion parameters.
    mixtral, method = model("mixtral-8x7b"), Method()
    whole = place(mixtral, method, ONE_RANK)
    spread = place(mixtral, method, Layout(dp=2, tp=4, ep=8, zero=1))

    assert spread.experts.parameters == whole.experts.parameters / 8
    assert spread.dense.matrices < whole.dense.matrices / 3.9
    assert (spread.dense.shards, spread.experts.shards) == (2, 1)


def test_states_are_shared_by_the_ranks_that_have_the_same_weights() -> None:
    # Context-parallel ranks hold the same weights; a hybrid keeps one copy for each group.
    assert Layout(dp=4, cp=2, tp=8, zero=1).shards == 8
    assert Layout(dp=4, dp_shard=2, cp=2, tp=8, zero=3).shards == 4
    assert Layout(dp=4, cp=2, tp=8).shards == 1


@pytest.mark.parametrize("stack", ["eager", "compiled", "hf"])
def test_buckets_hold_every_gradient_again(stack: str) -> None:
    # torch.nn.parallel.DistributedDataParallel, gradient_as_bucket_view: "gradients size".
    plain = {"weight_storage": "autocast", "optimizer": "sgd"}
    one = memory("gpt2", ONE_RANK, stack, 1, **plain).phases["optimizer_step"]
    two = memory("gpt2", Layout(dp=2), stack, 1, **plain).phases["optimizer_step"]

    assert two["communication_buffers"] == one["gradients"] == two["gradients"]
    assert memory("gpt2", Layout(dp=2), "megatron").phases["start"]["communication_buffers"] == 0


def test_the_first_collective_has_its_price() -> None:
    # https://github.com/NVIDIA/nccl/issues/964: 688 MiB; an all-to-all on top, issues/1685.
    one, fsdp, experts = (
        overhead_parts(0, "9.0", layout).get("collectives", 0)
        for layout in (ONE_RANK, Layout(dp=8, zero=3), Layout(dp=8, ep=8))
    )

    assert (one, fsdp) == (0, 688 * 2**20)
    assert experts - fsdp == pytest.approx((4.34 - 1.06) * 1e9)


def test_a_long_sequence_of_llama() -> None:
    # ml-engineering, training/performance: one sequence of 32,768 tokens of Llama-3.1-8B has a
    # hidden state of 0.25 GiB, 8 GiB of checkpoints, and 15.66 GiB of logits in fp32.
    llama, recipe = model("llama-3.1-8b"), Recipe(precision="bf16", checkpointing="full")
    how = implementation(llama, "hf-2024", STACKS, "plain")
    found = memory_by_phase(
        TrainingStep(llama, recipe._replace(weight_storage="pure"), how, 1, 32768)
    )
    assert found is not None
    end, vocabulary = found.phases["forward_end"], 32768 * llama.vocabulary

    hidden = 2 * 32768 * llama.width
    assert hidden / GIB == 0.25
    assert end["activations"] / GIB == pytest.approx(8, rel=0.005)
    assert 4 * vocabulary / GIB == pytest.approx(15.66, rel=0.005)
    assert end["logits"] >= 4 * vocabulary


names = st.sampled_from(["gpt2-xl", "llama-2-7b", "llama-3.1-8b", "qwen2.5-14b", "mixtral-8x7b"])
stacks = st.sampled_from(sorted(STACKS.stacks))
degrees = st.sampled_from([1, 2, 4, 8])
RECIPES: list[dict[str, Any]] = [
    {"weight_storage": kind, "optimizer": optimizer, "checkpointing": checkpointing}
    for kind in ("autocast", "master", "pure")
    for optimizer in ("adamw", "adamw8bit", "sgd", "lion", "muon")
    for checkpointing in ("none", "full")
]
recipes = st.sampled_from(RECIPES)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    tp = draw(degrees)
    return Layout(
        dp=draw(degrees),
        tp=tp,
        pp=draw(degrees),
        cp=draw(degrees),
        zero=cast("Zero", draw(st.sampled_from([0, 1, 2, 3]))),
        sequence_parallel=tp > 1 and draw(st.booleans()),
    )


def _with(layout: Layout, axis: str, degree: int) -> Layout:
    found = Layout(**{**layout._asdict(), axis: degree})
    return found._replace(sequence_parallel=found.sequence_parallel and found.tp > 1)


@pytest.mark.parametrize("axis", ["dp", "tp", "cp"])
@given(name=names, layout=layouts(), stack=stacks, recipe=recipes)
@settings(deadline=None, max_examples=150)
def test_more_shards_never_need_more(
    axis: str, name: str, layout: Layout, stack: str, recipe: dict[str, Any]
) -> None:
    # Replicas share nothing; and the second GPU brings the communication library with it.
    assume(axis != "dp" or layout.zero >= 1)
    cut = [_with(layout, axis, degree) for degree in (1, 2, 4, 8)]
    found = [memory(name, each, stack, **recipe).peak_bytes for each in cut]

    assert all(more <= fewer * (1 + 1e-12) for fewer, more in pairwise(found))


@given(
    name=names,
    layout=layouts(),
    stack=stacks,
    recipe=recipes,
    frozen_layers=st.sampled_from([0, 0, 1, 20]),
)
@settings(deadline=None, max_examples=150)
def test_more_stages_never_have_larger_states(
    name: str, layout: Layout, stack: str, recipe: dict[str, Any], frozen_layers: int
) -> None:
    split = STACKS.stacks[stack].split
    method = Method(kind="frozen", frozen_layers=frozen_layers) if frozen_layers else Method()

    def states(pp: int) -> float:
        found = [
            training_states(
                place(model(name), method, layout._replace(pp=pp), stage, split=split),
                Recipe(**{"precision": "bf16", **recipe}),
                layout.zero,
                STACKS.stacks[stack],
            )
            for stage in range(pp)
        ]
        totals = (s.weights + s.gradients + s.optimizer_state + s.masters for s in found)
        return float(max(totals))

    # The final norm, a ten thousandth at most, may come to a stage that had as many blocks.
    assert all(more <= fewer * 1.0001 for fewer, more in pairwise(map(states, range(1, 21))))


@given(name=names, layout=layouts(), stack=stacks, recipe=recipes)
@settings(deadline=None, max_examples=150)
def test_all_gpus_together_hold_the_states(
    name: str, layout: Layout, stack: str, recipe: dict[str, Any]
) -> None:
    recipe = {"precision": "bf16", **recipe}
    whole = training_states(
        place(model(name), Method(), ONE_RANK), Recipe(**recipe), 0, STACKS.stacks[stack]
    )
    states = whole.weights + whole.optimizer_state + whole.masters + whole.gradients

    found = memory(name, layout, stack, **recipe).peak_bytes
    assert found * layout.gpus >= states * (1 - 1e-12)


BAD = {
    "--gpus 12 --tp 8": "--tp 8 does not divide --gpus 12",
    "--gpus 16 --dp 2 --tp 4": "--dp 2 x --tp 4 = 8 is not --gpus 16",
    "--gpus 8 --tp 2 --pp 8": "--tp 2 x --pp 8 = 16 does not divide --gpus 8",
    "--gpus 8 --cp 3": "--cp 3 does not divide --gpus 8",
    "--tp 3": "--tp 3 does not divide the 32 heads of Llama 3.1 8B",
    "--tp 16": "--tp 16 does not divide the 8 key-value heads of Llama 3.1 8B",
    "--pp 33": "--pp 33 is more than the 32 layers of Llama 3.1 8B",
    "--vp 2": "--vp interleaves pipeline stages, and there is one",
    "--pp 17 --vp 2 --stack compiled": "--pp 17 x --vp 2 = 34 chunks is more than the 32 layers",
    "--pp 4 --vp 2 --stack nanotron": "the nanotron stack does not interleave pipeline stages",
    "--pp 16 --vp 4": "--pp 16 x --vp 4 = 64 chunks is more than the 32 layers of Llama 3.1 8B",
    "--gpus 4 --ep 2": "--ep 2 spreads experts, and Llama 3.1 8B has none",
    "--model mixtral-8x7b --gpus 9 --ep 3": "--ep 3 does not divide the 8 experts of Mixtral 8x7B",
    "--model mixtral-8x7b --gpus 6 --ep 4": "--ep 4 does not divide the 6 GPUs of a pipeline stage",
    "--gpus 8 --sequence-parallel": "--sequence-parallel has no effect without --tp",
    "--gpus 8 --dp-shard 3": "--dp-shard 3 does not divide --dp 8",
    "--gpus 8 --zero 0 --dp-shard 4": "--dp-shard shares nothing with --zero 0",
    "--gpus 8 --zero 4": "'4' is not a ZeRO stage; write 0, 1, 2 or 3",
    "--cp 8 --seq-len 1001": "--cp 8 does not divide --seq-len 1001",
    "--cp 2 --attention eager": "--cp 2 cannot cut attention that is written out (eager)",
    "--gpus-per-node 4": "--gpus-per-node has no effect on one GPU",
    "--tp 8 --sequence-parallel --seq-len 1001": "--tp 8 with --sequence-parallel does not divide",
    "--gpus 8 --zero 0 --optimizer-impl in-backward": "keeps gradients in buckets, as replicas",
    "--pp 2 --optimizer-impl in-backward": "that sums micro-batches, as a pipeline does",
    "--stack megatron --optimizer-impl in-backward": "has a gradient buffer, as the megatron stack",
    "--tp 0": "'0' is not a whole number",
    "--pp 1.5": "is not a whole number",
}


@pytest.mark.parametrize("command", ["memory", "compare"])
@pytest.mark.parametrize(("options", "said"), BAD.items(), ids=BAD)
def test_layouts_that_cannot_be(cli: Cli, command: str, options: str, said: str) -> None:
    given = options if "--model" in options else f"--model llama-3.1-8b {options}"
    result = cli(command, "--gpu", "h100", *given.split())

    assert result.code == 2
    assert said in " ".join(result.err.split())
    assert not result.out


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("memory", "", "--gpus-per-node has no effect without --offload"),
        ("compare", "--utilization 0.4", "has no effect with --utilization and without --offload"),
    ],
)
def test_a_host_without_effect(cli: Cli, command: str, options: str, said: str) -> None:
    asked = f"--gpu h100 --model gpt2 --gpus 8 --gpus-per-node 4 {options}"
    result = cli(command, *asked.split())

    assert (result.code, result.out) == (2, "")
    assert said in " ".join(result.err.split())


def test_the_worst_rank_is_named(cli: Cli) -> None:
    layout = ("--seq-len", "8192", "--tp", "4", "--pp", "8")
    asked = ("memory", "--gpu", "h100", "--model", "llama-3.1-70b", *layout, "-o", "json")
    first = cli(*asked).json["results"][0]["memory"]
    last = cli(*asked, "--global-batch-tokens", "8192").json["results"][0]["memory"]

    assert first["rank"]["stage"] == 1
    assert first["rank"]["micro_batches_in_flight"] == 8
    assert "the embedding, and 10 blocks with 8 micro-batches in flight" in first["rank"]["text"]
    assert last["rank"]["stage"] == 8
    assert "head, logits and loss" in last["rank"]["text"]
