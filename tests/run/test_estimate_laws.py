"""Laws of a whole estimate: totals are sums, ratios are ratios, amounts are linear."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptbudget import estimate, load_catalog
from gptbudget.answer.data import answer
from gptbudget.answer.notes import notes
from gptbudget.errors import GptBudgetError
from gptbudget.run.estimate import Estimate, best_first, compare
from gptbudget.run.question import ask
from gptbudget.run.run import ModelRun, Require

GPUS = ["rtx-4070-ti", "rtx-3090", "a100", "h100", "v100-sxm-32gb"]
MODELS = ["gpt2", "gpt2-xl", "llama-3.2-1b", "llama-2-7b"]

questions = st.fixed_dictionaries(
    {
        "gpu": st.sampled_from(GPUS),
        "model": st.sampled_from(MODELS),
        "gpus": st.sampled_from([1, 2, 8, 64]),
        "tokens": st.floats(1e6, 1e14),
        "time": st.floats(3600, 1e9),
        "convention": st.sampled_from(["6nd", "exact"]),
        "utilization": st.floats(0.01, 1),
        "goodput": st.floats(0.1, 1),
        "checkpointing": st.sampled_from(["none", "full"]),
        "micro_batch": st.integers(1, 8),
        "price": st.floats(0.1, 10),
        "pue": st.floats(1, 2),
    }
)


def asked(question: dict[str, Any], **changes: Any) -> Estimate:
    return estimate(**{**question, **changes})


@given(question=questions)
@settings(deadline=None, max_examples=50)
def test_ratio_is_horizon_over_wall_clock(question: dict[str, Any]) -> None:
    found = asked(question)
    assert found.time is not None
    assert found.compute.available_flops is not None

    assert found.compute.ratio == pytest.approx(question["time"] / found.time.wall_clock_s)
    delivered = found.compute.available_flops / question["time"]
    assert delivered == pytest.approx(found.compute.required_flops / found.time.wall_clock_s)


@given(question=questions)
@settings(deadline=None, max_examples=20)
def test_a_million_tokens_take_their_share_of_the_wall_clock(question: dict[str, Any]) -> None:
    time = asked(question).time
    assert time is not None
    expected = time.wall_clock_s * 1e6 / question["tokens"]
    assert time.s_per_million_tokens == pytest.approx(expected)


@pytest.mark.parametrize(
    ("gpu", "gpus", "model"), [("4070ti", 1, "gpt2"), ("a100", 8, "llama-2-7b"), ("h100", 64, "1t")]
)
def test_ratio_without_a_given_utilization(gpu: str, gpus: int, model: str) -> None:
    model = "llama-3-8b" if model == "1t" else model
    found = estimate(gpu=gpu, gpus=gpus, model=model, checkpointing="full", time="90d")

    if found.time is not None:
        assert found.compute.ratio == pytest.approx(90 * 86_400 / found.time.wall_clock_s)


@given(question=questions, factor=st.floats(1, 100))
@settings(deadline=None, max_examples=50)
def test_linear_in_tokens(question: dict[str, Any], factor: float) -> None:
    one, more = asked(question), asked(question, tokens=question["tokens"] * factor)

    for name in (
        "compute.required_flops_6nd",
        "compute.required_flops_exact",
        "time.wall_clock_s",
        "cost.gpu_hours",
        "cost.usd",
        "cost.energy_kwh",
    ):
        amount = attrgetter(name)
        assert amount(more) == pytest.approx(amount(one) * factor), name
    assert more.time is not None
    assert one.time is not None
    assert more.time.tokens_per_s == pytest.approx(one.time.tokens_per_s)


@given(question=questions, factor=st.floats(1, 100))
@settings(deadline=None, max_examples=50)
def test_available_flops_are_linear_in_time(question: dict[str, Any], factor: float) -> None:
    one, more = asked(question), asked(question, time=question["time"] * factor)
    assert one.compute.available_flops is not None

    assert more.compute.available_flops == pytest.approx(one.compute.available_flops * factor)
    assert more.compute.required_flops == one.compute.required_flops


@given(question=questions)
@settings(deadline=None, max_examples=50)
def test_conventions_measure_the_same_run(question: dict[str, Any]) -> None:
    found = asked(question)
    assert found.time is not None
    assert found.time.mfu is not None
    assert found.compute.required_flops_6nd is not None
    assert found.compute.required_flops_exact is not None

    assert found.time.utilization == pytest.approx(question["utilization"])
    assert found.time.mfu / found.time.utilization == pytest.approx(
        found.compute.required_flops_exact / found.compute.required_flops
    )
    assert found.compute.required_flops in {
        found.compute.required_flops_6nd,
        found.compute.required_flops_exact,
    }


@given(question=questions)
@settings(deadline=None, max_examples=50)
def test_parts_of_the_bill_sum_to_it(question: dict[str, Any]) -> None:
    memory = asked(question, gpus=1).memory
    assert memory is not None

    assert memory.peak_bytes == sum(memory.parts.values())
    tensors = memory.peak_bytes - memory.overhead.total
    assert tensors == memory.by_phase.peak_bytes
    assert memory.usable_bytes is not None
    assert memory.fits is (memory.peak_bytes <= memory.usable_bytes)


bills = st.fixed_dictionaries(
    {
        "gpu": st.just("h100"),
        "model": st.sampled_from(["gpt2", "llama-3.2-1b", "gemma-2-2b", "qwen3-0.6b"]),
        "gpu_memory": st.sampled_from([2**43, 80e9 + 0.4]),
        "reserve": st.sampled_from([None, 1e9 + 0.3]),
        "micro_batch": st.integers(1, 4),
        "seq_len": st.integers(1, 1024),
        "recipe": st.sampled_from(["autocast", "master", "pure"]),
        "optimizer": st.sampled_from(["adamw", "adamw8bit", "paged-adamw8bit", "muon"]),
        "checkpointing": st.sampled_from(["none", "selective", "full"]),
        "offload": st.sampled_from(["none", "all"]),
        "keep_logits": st.booleans(),
    },
    optional={"gpus": st.sampled_from([3, 4]), "zero": st.integers(0, 3)},
)


@given(bill=bills)
@settings(deadline=None, max_examples=100)
def test_bytes_are_whole_numbers_in_every_answer(bill: dict[str, Any]) -> None:
    found = asked(bill)
    memory = found.memory
    assert memory is not None

    data = answer(found, advise=False)["memory"]
    for name, amount in {**data, **data["parts"], **data["phases"]}.items():
        if name.endswith("_bytes") and amount is not None:
            assert type(amount) is int, name
    assert {type(each) for each in (*data["parts"].values(), *data["phases"].values())} == {int}


@given(bill=bills)
@settings(deadline=None, max_examples=100)
def test_accumulating_gradients_adds_bytes_or_is_not_spoken_of(bill: dict[str, Any]) -> None:
    found = asked(bill)
    memory = found.memory
    assert memory is not None

    assert memory.accumulated_bytes is None or memory.accumulated_bytes > memory.peak_bytes
    assert not [note for note in notes(found) if " adds -" in note or " adds 0" in note]


@pytest.mark.parametrize("stack", ["compiled", "hf", "native"])
def test_sums_in_16_bit_are_told_by_the_recipe_alone(stack: str) -> None:
    """Of every model: at some the peak lies where all gradients are there anyway."""
    summed = 0
    for entry in load_catalog().models:
        fixed: dict[str, Any] = {"gpu": "h100", "model": entry.key, "gpu_memory": 2**50}
        found = estimate(**fixed, stack=stack, recipe="pure")
        assert isinstance(found.run, ModelRun)
        many = found.run.micro_batches > 1
        warned = any("accumulated in 16 bit" in note for note in notes(found))
        assert found.fits
        assert warned is many, entry.key
        summed += many
    assert summed > len(load_catalog().models) / 2


@given(question=questions)
@settings(deadline=None, max_examples=50)
def test_per_gpu_times_gpus_is_the_total(question: dict[str, Any]) -> None:
    found = asked(question)
    assert found.time is not None
    assert found.cost is not None

    hours = found.time.wall_clock_s / 3600
    assert found.cost.gpu_hours == pytest.approx(question["gpus"] * hours)
    assert found.cost.usd == pytest.approx(found.cost.gpu_hours * question["price"])
    assert found.time.step_s is not None
    assert found.time.tokens_per_s is not None
    assert isinstance(found.run, ModelRun)
    assert found.run.global_batch_tokens == pytest.approx(
        found.time.step_s * found.time.tokens_per_s
    )


# --- the verdict ---


@pytest.mark.parametrize(
    ("require", "feasible"),
    [
        (Require(), True),
        (Require(max_wall_clock_s=1e9, max_cost_usd=1e9, min_ratio=1.0, fits=True), True),
        (Require(max_wall_clock_s=60), False),
        (Require(max_cost_usd=0.01), False),
        (Require(min_ratio=1e9), False),
        (Require(fits=False), False),
    ],
)
def test_feasible_means_every_requirement_holds(require: Require, feasible: bool) -> None:  # noqa: FBT001
    question = ask({"gpu": "4070ti", "model": "gpt2", "price": 1})
    (found,) = compare(question._replace(require=require)).estimates

    assert found.feasible is feasible


@pytest.mark.parametrize(
    ("options", "feasible"),
    [
        ({"model": "gpt2"}, True),
        ({"model": "gpt2-xl"}, False),  # memory
        ({"model": "gpt2", "time": "1h"}, False),  # compute
        ({"model": "1.5B", "utilization": 0.4, "tokens": "1B"}, None),  # memory unknown
        ({"model": "gpt2", "gpu": "geforce-8800-gtx"}, False),  # time unknown, and memory
    ],
)
def test_unknown_is_neither_yes_nor_no(options: dict[str, Any], feasible: bool | None) -> None:  # noqa: FBT001
    assert estimate(**{"gpu": "4070ti", **options}).feasible is feasible


def test_a_cost_limit_without_a_price_is_unknown() -> None:
    question = ask({"gpu": "4070ti", "model": "gpt2"})
    (found,) = compare(question._replace(require=Require(max_cost_usd=100))).estimates

    assert found.feasible is None


def test_grid_is_ranked_best_first() -> None:
    question = ask({"gpu": ("t4", "4070ti", "h100"), "model": ("gpt2", "gpt2-xl")})
    found = compare(question).estimates
    order = [{True: 0, None: 1, False: 2}[e.feasible] for e in found]

    assert len(found) == 6
    assert order == sorted(order)
    assert best_first(found) == found


def test_estimate_answers_one_pair() -> None:
    with pytest.raises(GptBudgetError, match="one GPU and one model"):
        estimate(gpu=("4070ti", "h100"), model="gpt2")
