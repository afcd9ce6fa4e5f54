"""Activations and optimizer temporaries worked out by hand, or measured by others.

PyTorch: torch.distributed._tools.mem_tracker.MemTracker, as in tests/truth.
ml-engineering: https://github.com/stas00/ml-engineering/blob/master/training/performance/README.md
"""

from __future__ import annotations

from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.memory.activations import layer_tensors, sized
from gptbudget.core.memory.timeline import MemoryByPhase, memory_by_phase
from gptbudget.core.step import Implementation, TrainingStep, implementation
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.optimizers import OptimizerImpl
from gptbudget.specs.recipe import Method, MethodKind, Recipe
from gptbudget.units import GIB

MIB = 2**20


def model(name: str) -> ModelSpec:
    return load_catalog().models.find(name).spec


def rules(name: str, stack: str, loss: str = "plain") -> Implementation:
    return implementation(model(name), stack, load_evidence().stacks, loss)


def step(
    name: str, how: Implementation, micro_batch: int, seq_len: int, **recipe: Any
) -> MemoryByPhase:
    asked = Recipe(**{"precision": "bf16", **recipe})
    found = memory_by_phase(TrainingStep(model(name), asked, how, micro_batch, seq_len))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("network", "a_token", "gib"),
    [("fused-swiglu", 131_584, 16.0625), ("swiglu", 153_600, 18.75)],
)
def test_a_llama_layer_in_16_bit(network: str, a_token: int, gib: float) -> None:
    # 8 h + 2 (2 a d + 2 k d + 3 f), or 4 f: by Korthikanti's rules. Kernels also keep a statistic
    # of two norms, and one a head: 8 + 4 a bytes.
    how = rules("llama-2-7b", "megatron")
    how = how._replace(feed_forward=how.parts.feed_forward[network])
    kept = step("llama-2-7b", how, 1, 4096, weight_storage="pure").phases["forward_end"][
        "activations"
    ]
    statistics = 8 + 4 * 32

    assert kept == 32 * 4096 * (a_token + statistics)
    assert 32 * 4096 * a_token / GIB == gib


def test_llama_3_with_32k_tokens() -> None:
    # ml-engineering: hidden state 0.25 GiB, 32 checkpoints of it 8 GiB, fp32 logits 15.7 GiB.
    how = rules("llama-3.1-8b", "hf")
    end = step("llama-3.1-8b", how, 1, 32_768, weight_storage="pure", checkpointing="full").phases[
        "forward_end"
    ]
    long = TrainingStep(model("llama-3.1-8b"), Recipe("bf16"), how, 1, 32_768)
    logits = sized(long, {"vocabulary": how.loss.saved["pure"]["vocabulary"]})

    assert end["activations"] == 8 * GIB
    assert end["activations"] / 32 == 0.25 * GIB
    assert logits / GIB == pytest.approx(15.7, abs=0.05)


def test_llama_3_layer_in_copies_of_the_hidden_state() -> None:
    # ml-engineering measured 28 while a layer is recomputed: what it keeps, and a part of what
    # is alive while it is differentiated.
    spec, how = model("llama-3.1-8b"), rules("llama-3.1-8b", "hf")
    recipe = Recipe(precision="bf16", weight_storage="pure")
    token = TrainingStep(spec, recipe, how, 1, 1)
    kept, differentiated = layer_tensors(token), how.feed_forward.differentiated
    assert kept is not None
    hidden = 2 * spec.width

    copies = sized(token, kept) / hidden
    assert copies <= 28 <= copies + sized(token, differentiated["pure"]) / hidden


@pytest.mark.parametrize(
    ("kind", "mib"), [("fused", 5609), ("loop", 5804), ("foreach", 6763)], ids=str
)
def test_implementations_of_adamw(kind: OptimizerImpl, mib: float) -> None:
    # PyTorch's peak of nanoGPT at 355M, 1 x 512 tokens under autocast; whole MiB.
    name = "nanogpt-355m-padded-nobias"
    found = step(name, rules(name, "eager"), 1, 512, optimizer_impl=kind)

    assert found.peak_bytes / MIB == pytest.approx(mib, rel=1e-3)


def test_adding_everything_up_overstates() -> None:
    # Llama-2 7B at 1 x 2,048 tokens under autocast: 126.9 GiB of states, gradients and saved
    # tensors are never alive at once; PyTorch peaks at 102.3.
    found = step("llama-2-7b", rules("llama-2-7b", "hf"), 1, 2048)
    end = found.phases["forward_end"]
    everything = end.total + found.phases["backward_end"]["gradients"]

    assert everything / GIB == pytest.approx(126.9, rel=2e-3)
    assert found.peak_bytes / GIB == pytest.approx(102.3, rel=1e-3)


@pytest.mark.parametrize(
    ("recipe", "without", "with_"), [("autocast", 102.3, 100.4), ("pure", 50.31, 50.32)]
)
def test_checkpointing_may_save_nothing(recipe: str, without: float, with_: float) -> None:
    # With few tokens Llama-2 7B peaks where every gradient is there; PyTorch, 1 x 2,048 tokens.
    how = rules("llama-2-7b", "hf")
    kinds = ("none", "full")
    found = [
        step("llama-2-7b", how, 1, 2048, weight_storage=recipe, checkpointing=kind).peak_bytes / GIB
        for kind in kinds
    ]

    assert found == pytest.approx([without, with_], rel=3e-3)


def test_a_4_bit_matrix_is_unpacked_while_it_multiplies() -> None:
    # The largest matrix of Llama-2 7B, 4,096 x 11,008, in 16 bit.
    how = rules("llama-2-7b", "hf")
    kinds: tuple[MethodKind, ...] = ("lora", "qlora")
    plain, packed = (
        step("llama-2-7b", how, 1, 1024, weight_storage="pure", method=Method(kind)).phases[
            "block_backward"
        ]["temporaries"]
        for kind in kinds
    )

    assert packed - plain == 2 * 4096 * 11_008


def test_autocast_caches_no_copies_of_frozen_weights() -> None:
    # aten/src/ATen/autocast_mode.cpp, cached_cast: only of leaves that require a gradient. With
    # checkpointing the copies of the blocks go with their activations; that of the head stays.
    how, head = rules("llama-2-7b", "hf"), 2 * 32_000 * 4096
    full, lora = (
        step("llama-2-7b", how, 1, 1024, checkpointing="full", method=method).phases["forward_peak"]
        for method in (Method(), Method("lora"))
    )

    assert full["autocast_copies"] == 2 * (6_738_415_616 - 65 * 4096) - head
    assert lora["autocast_copies"] == head


def test_frozen_blocks_keep_nothing() -> None:
    # Nothing below the first trained block has a backward pass, so no copy of a weight either.
    how, width, layers = rules("gpt2-xl", "eager"), 1600, 48
    methods = (Method(), Method("frozen", frozen_layers=36))
    whole, upper = (
        step("gpt2-xl", how, 1, 1024, method=method).phases["forward_end"] for method in methods
    )
    head = 2 * 50_257 * width

    assert upper["activations"] == whole["activations"] * 12 / layers
    assert upper["autocast_copies"] == 2 * 12 * 12 * width**2 + head


@pytest.mark.parametrize("stack", ["eager", "hf"])
def test_a_leaner_loss_never_holds_more(stack: str) -> None:
    totals = {}
    for loss in ("plain", "chunked", "fused"):
        how = rules("llama-3.2-1b", stack, loss)
        found = step("llama-3.2-1b", how, 4, 2048, loss=loss, checkpointing="full")
        totals[loss] = found.phases["loss_backward"].total

    assert totals["fused"] < totals["chunked"] <= totals["plain"]


def test_a_fused_loss_never_holds_the_logits() -> None:
    # 4 x 2,048 tokens of 128,256 logits are 1.96 GiB in 16 bit: less than that in all.
    how = rules("llama-3.2-1b", "hf", "fused")
    found = step("llama-3.2-1b", how, 4, 2048, loss="fused", weight_storage="pure")
    logits = 2 * 4 * 2048 * 128_256

    assert found.phases["loss_backward"]["logits"] < logits / 8


@pytest.mark.parametrize(
    ("name", "part"),
    [
        pytest.param("gpt2", "python-gelu", id="gelu_new"),
        pytest.param("gpt-neo-125m", "python-gelu", id="gelu_new-of-another-family"),
        pytest.param("opt-125m", "fused-gelu", id="relu"),
        pytest.param("pythia-160m", "fused-gelu", id="gelu"),
    ],
)
def test_activation_that_hugging_face_writes_out(name: str, part: str) -> None:
    stacks = load_evidence().stacks
    model = load_catalog().models.find(name).spec

    assert (
        implementation(model, "hf", stacks, "plain").feed_forward is stacks.parts.feed_forward[part]
    )
    assert implementation(model, "hf", stacks, "plain").measured(model) is (name == "gpt2")
