"""The search against plain loops: nothing outside it beats it, and it says what it promises."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gptbudget
from gptbudget import load_catalog
from gptbudget.answer.command import command
from gptbudget.catalog.reference import load_evidence
from gptbudget.errors import UsageError
from gptbudget.run.complete import complete_model_run
from gptbudget.run.estimate import ModelEstimate, estimate
from gptbudget.run.run import NamedGpu, NamedModel, Setting
from gptbudget.search.layouts import counts_of, divisors
from gptbudget.search.result import Fit
from gptbudget.specs.options import Options
from gptbudget.units import GIB

EVIDENCE = load_evidence()


@cache
def gpu(name: str) -> NamedGpu:
    entry = load_catalog().gpus.find(name)
    return NamedGpu(entry.key, entry.spec)


@cache
def model(name: str) -> NamedModel:
    entry = load_catalog().models.find(name)
    return NamedModel(entry.key, entry.spec)


def one(gpu_name: str, model_name: str, **options: Any) -> ModelEstimate | None:
    """What ``compare`` says of one candidate, or nothing where it refuses."""
    try:
        setting = Setting(Options(**options), gpu(gpu_name), EVIDENCE)
        run = complete_model_run(setting, model(model_name))
    except UsageError:
        return None
    return estimate(run)


def fits(found: ModelEstimate | None) -> bool:
    return found is not None and found.memory is not None and bool(found.memory.fits_accumulated)


def best_by_hand(gpu_name: str, model_name: str, space: dict[str, Any], **fixed: Any) -> float:
    """The shortest wall clock of every combination that fits: a loop over ``compare``."""
    shortest = float("inf")
    for values in itertools.product(*space.values()):
        found = one(gpu_name, model_name, **dict(zip(space, values, strict=True)), **fixed)
        if fits(found):
            assert found is not None
            assert found.time is not None
            if found.run.sums_in_16_bit:
                continue
            shortest = min(shortest, found.time.wall_clock_s)
    return shortest


def test_the_best_recipe_of_one_card_is_the_best_of_all() -> None:
    found = gptbudget.fit(gpu="4070ti", model="gpt2-large", method="full", loss="plain")
    space = {
        "recipe": ["autocast", "master"],
        "checkpointing": ["none", "full"],
        "offload": ["none", "optimizer", "all"],
        "micro_batch": [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128],
    }
    by_hand = best_by_hand("4070ti", "gpt2-large", space, loss="plain")

    assert found.ways[0].candidate.wall_clock_s == pytest.approx(by_hand, rel=1e-9)


def test_two_cards_offload_too() -> None:
    fixed: dict[str, Any] = {"gpus": 2, "loss": "plain", "global_batch_tokens": 65_536, "cp": 1}
    found = gptbudget.fit(gpu="4070ti", model="gpt2-large", method="full", pp=1, **fixed)
    space = {
        "recipe": ["autocast", "master"],
        "checkpointing": ["none", "full"],
        "offload": ["none", "optimizer", "all"],
        "micro_batch": [1, 2, 4, 8, 16, 32],
        "zero": [0, 1, 2, 3],
    }
    alone = best_by_hand("4070ti", "gpt2-large", space, tp=1, **fixed)
    cut = best_by_hand("4070ti", "gpt2-large", space, tp=2, sequence_parallel=True, **fixed)

    assert found.ways[0].candidate.wall_clock_s == pytest.approx(min(alone, cut), rel=1e-9)


def test_fewest_gpus_are_found_where_one_needs_an_offload() -> None:
    few = gptbudget.fit(gpu="4070ti", model="gpt2-xl", gpus="1..8", minimize="gpus").ways[0]

    assert few.candidate.gpus == 1
    assert few.candidate.quality_cost == 0


def test_a_default_step_is_raised_where_nothing_else_divides() -> None:
    asked: dict[str, Any] = {"model": "llama-3-70b", "tokens": 1e12, "tp": 1, "pp": 1, "cp": 1}
    best = gptbudget.fit(gpu="h100", gpus=512, **asked).ways[0].estimate

    assert best.run.global_batch_tokens == 512 * 8192
    assert best.feasible


def test_native_kernels_sum_in_16_bit_and_say_so() -> None:
    found = gptbudget.fit(gpu="h100", model="gpt2-xl", gpus=2, stack="native")

    for way in found.ways:
        narrow = way.estimate.run.sums_in_16_bit
        assert way.candidate.sums_in_16_bit is narrow


def test_epochs_are_in_the_command_that_reproduces() -> None:
    way = gptbudget.fit(gpu="a100", model="gpt2", epochs=3).ways[0]

    assert "--epochs 3" in command(way.estimate.run, "compare")


@pytest.mark.parametrize("zero", [1, 3])
def test_the_best_layout_is_the_best_of_all(zero: int) -> None:
    fixed: dict[str, Any] = {
        "checkpointing": "full",
        "loss": "plain",
        "zero": zero,
        "global_batch_tokens": 16 * 4096,
        "cp": 1,
        "seq_len": 4096,
    }
    found = gptbudget.fit(gpu="a100", model="llama-2-13b", gpus=16, **fixed)
    degrees = divisors(16)
    stages = [each for each in degrees if each <= 8]
    chunks = [1, 2, 3, 4, 5, 7, 10, 14, 20, 21]
    every = itertools.product(degrees, stages, chunks, [False, True], [1, 2, 4, 8, 16])
    shortest = float("inf")
    for tp, pp, vp, parallel, batch in every:
        # Chunks of as many blocks, or with embedding and head for blocks; stages as they come.
        uneven = vp > 1 and 40 % (pp * vp) and 42 % (pp * vp)
        if tp * pp > 16 or (parallel and tp == 1) or uneven or (vp > 1 and pp == 1):
            continue
        each = one(
            "a100",
            "llama-2-13b",
            gpus=16,
            tp=tp,
            pp=pp,
            vp=vp,
            sequence_parallel=parallel,
            micro_batch=batch,
            **fixed,
        )
        if not fits(each):
            continue
        assert each is not None
        run = each.run
        if run.micro_batches % pp and vp > 1:
            continue
        if run.micro_batches * batch * 4096 * run.layout.dp != fixed["global_batch_tokens"]:
            continue
        assert each.time is not None
        shortest = min(shortest, each.time.wall_clock_s)

    assert found.ways[0].candidate.wall_clock_s == pytest.approx(shortest, rel=1e-9)


SEARCHES: list[dict[str, Any]] = [
    {"gpu": "4070ti", "model": "gpt2-xl"},
    {"gpu": "rtx-4090", "model": "llama-2-7b", "method": "qlora"},
    {"gpu": "h100", "model": "llama-3-8b", "gpus": 8},
    {"gpu": "h100", "model": "llama-3-8b", "gpus": 8, "stack": "nanotron"},
    {"gpu": "h100", "model": "mixtral-8x7b", "gpus": 16, "cp": 1, "loss": "fused"},
    {"gpu": "a100", "model": "gpt3-175b", "gpus": 1024},
    {"gpu": "a100", "model": "gpt3-175b", "gpus": 1024, "stack": "megatron-2021"},
    {
        "gpu": "h100",
        "model": "deepseek-v3",
        "gpus": 2048,
        "cp": 1,
        "checkpointing": "full",
        "loss": "fused",
    },
    {"gpu": "h100", "model": "deepseek-v2-lite", "gpus": 24, "tp": 8, "zero": 0, "cp": 1},
]


@pytest.mark.parametrize("asked", SEARCHES, ids=lambda asked: " ".join(map(str, asked.values())))
def test_a_way_is_what_compare_says_of_it(asked: dict[str, Any]) -> None:
    found = gptbudget.fit(**asked, top=80)

    assert found.ways
    for way in found.ways:
        time, run = way.estimate.time, way.estimate.run
        assert time is not None
        assert way.candidate.wall_clock_s == time.wall_clock_s
        assert way.candidate.peak_bytes == way.memory.needed_bytes
        assert way.candidate.host_bytes == way.memory.host_bytes
        assert way.estimate.feasible is True
        assert run.gpus == way.candidate.gpus


@pytest.mark.parametrize("minimize", ["cost", "time"])
def test_of_ways_that_cost_the_same_the_fastest_is_the_answer(minimize: Any) -> None:
    # A given utilization makes GPU-hours the same on any number of GPUs, but for the last bit.
    fixed: dict[str, Any] = {"utilization": 0.4, "checkpointing": "none", "loss": "plain"}
    found = gptbudget.fit(gpu="a100", model="gpt2-xl", gpus="7..8", minimize=minimize, **fixed)

    assert [way.candidate.gpus for way in found.ways] == [8]


def test_a_way_that_costs_quality_comes_after_all_that_do_not() -> None:
    found = gptbudget.fit(gpu="4070ti", model="gpt2-xl")
    losses = [way.candidate.quality_cost for way in found.ways]

    assert losses == sorted(losses)
    assert {0, 2} <= set(losses)


def seconds(found: Fit) -> list[float]:
    return [way.candidate.wall_clock_s for way in found.ways]


@given(
    name=st.sampled_from(["gpt2-medium", "gpt2-xl", "llama-3-8b", "mistral-7b-v0.1"]),
    card=st.sampled_from(["4070ti", "rtx-4090", "a100", "h100"]),
    gpus=st.sampled_from([1, 2, 6, 8, 12]),
    minimize=st.sampled_from(["time", "memory", "gpus"]),
    held=st.sampled_from([{"pp": 1}, {"tp": 1, "cp": 1}, {"checkpointing": "full", "cp": 1}]),
)
@settings(deadline=None, max_examples=12)
def test_what_is_wanted_comes_first_and_all_of_it_fits(
    name: str, card: str, gpus: int, minimize: Any, held: dict[str, Any]
) -> None:
    found = gptbudget.fit(gpu=card, model=name, gpus=gpus, minimize=minimize, top=60, **held)
    ranks = [way.candidate.rank(minimize) for way in found.ways]

    assert ranks == sorted(ranks)
    assert all(way.estimate.feasible for way in found.ways)
    assert found.found.feasible <= found.found.evaluated <= found.found.candidates
    assert bool(found.ways) == bool(found.found.feasible)


def test_more_freedom_is_never_slower() -> None:
    asked: dict[str, Any] = {"gpu": "h100", "model": "llama-3-8b", "gpus": 8, "pp": 1}
    free = gptbudget.fit(**asked, top=1).ways[0].candidate.wall_clock_s
    held: list[dict[str, Any]] = [
        {"tp": 2},
        {"zero": 3},
        {"checkpointing": "full"},
        {"micro_batch": 1},
        {"loss": "fused"},
        {"loss": "plain"},
    ]
    for fixed in held:
        assert free <= gptbudget.fit(**asked, **fixed, top=1).ways[0].candidate.wall_clock_s


def test_a_front_has_nothing_that_another_beats_in_time_and_cost() -> None:
    found = gptbudget.fit(gpu=("a100", "h100"), model="llama-3-8b", gpus="8..16", cp=1, pp=1)
    rows = [(way.candidate.wall_clock_s, way.candidate.usd) for way in found.ways]

    assert found.over_hardware
    assert len(rows) > 1
    assert seconds(found) == sorted(seconds(found))
    for (time, usd), (longer, cheaper) in itertools.pairwise(rows):
        assert time < longer
        assert usd is not None
        assert cheaper is not None
        assert usd > cheaper


def test_a_deadline_and_a_price_are_held() -> None:
    days = 86_400.0
    asked: dict[str, Any] = {"gpu": "h100", "model": "llama-3-8b", "tokens": 1e11, "cp": 1, "pp": 1}
    cheap = gptbudget.fit(**asked, gpus="1..8", time=30 * days, minimize="cost").ways[0]
    few = gptbudget.fit(**asked, gpus="1..8", time=30 * days, minimize="gpus").ways[0]
    none = gptbudget.fit(**asked, gpus="1..2", time=1 * days)

    assert max(cheap.candidate.wall_clock_s, few.candidate.wall_clock_s) <= 30 * days
    assert 1 < few.candidate.gpus <= cheap.candidate.gpus
    assert not none.ways
    assert none.found.misses["fastest"].wall_clock_s > days


def test_offload_that_the_host_cannot_hold_is_not_offered() -> None:
    found = gptbudget.fit(gpu="4070ti", model="gpt2-xl", host_memory=16 * GIB)

    assert found.ways
    assert all(way.candidate.host_bytes <= 16 * GIB for way in found.ways)


def test_nothing_fits_and_what_comes_nearest() -> None:
    found = gptbudget.fit(gpu="4070ti", model="llama-3-70b", offload="none", method="full")

    assert not found.ways
    smallest = min(way.candidate.peak_bytes for way in found.misses)
    usable_bytes = found.misses[0].estimate.run.usable_bytes or 0
    assert found.found.misses["nearest"].peak_bytes == smallest > usable_bytes


def test_counts_are_dense_where_there_are_few() -> None:
    assert counts_of(1, 24) == list(range(1, 25))
    assert counts_of(100, 100) == [100]
    assert counts_of(5, 100)[:6] == [5, 6, 7, 8, 16, 24]
    long = counts_of(8, 4096)
    assert {2**power for power in range(3, 13)} <= set(long)
    assert all(b - a <= max(8, a / 16) for a, b in itertools.pairwise(long))
    assert counts_of(1, 1023)[-1] == 1023


def test_an_interrupt_gives_what_was_found() -> None:
    from gptbudget.search import fit

    seen = []

    def stop(progress: Any) -> None:
        seen.append(progress)
        if progress.ranked:
            raise KeyboardInterrupt

    asked = fit.ask({"gpu": ("a100",), "model": ("gpt3-175b",), "gpus": "1024"})
    found = fit.answer(asked, watch=stop)

    assert found.found.interrupted
    assert found.ways
    assert seen[-1].done < seen[-1].programs


def test_what_needs_adapters_and_an_offload_is_found_where_nothing_else_fits() -> None:
    # Llama-2 70B in 4 bit is 37 GB, and a card of 12 GB holds a few of its layers at a time.
    found = gptbudget.fit(gpu="4070ti", model="llama-2-70b")

    assert found.ways
    best = found.ways[0].candidate.choices
    assert (best["method"], best["offload"]) == ("qlora", "all")
    assert fits(one("4070ti", "llama-2-70b", method="qlora", checkpointing="full", offload="all"))


@pytest.mark.parametrize("pp", [2, 4, 16])
def test_stages_that_share_layers_unevenly_are_tried(pp: int) -> None:
    # DeepSeek-V3 has 61 layers, a prime, and was trained on 16 stages (arXiv 2412.19437).
    asked: dict[str, Any] = {"gpu": "h800", "model": "deepseek-v3", "gpus": 2048, "tp": 1, "cp": 1}
    free = gptbudget.fit(**asked, micro_batch=1, checkpointing="full", loss="fused")
    fixed = gptbudget.fit(**asked, micro_batch=1, checkpointing="full", loss="fused", pp=pp)

    assert fixed.ways
    ours, theirs = (each.ways[0].candidate.wall_clock_s for each in (free, fixed))
    assert ours <= theirs * (1 + 1e-9)
