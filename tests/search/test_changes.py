"""What would make a run fit: each command that is offered does what it promises."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from tests.conftest import Cli

XL = "--gpu 4070ti --model gpt2-xl"
LLAMA = "--gpu 4090 --model llama-3.2-1b --seq-len 1024"

# Questions with an option of each kind given, so that commands must keep or replace it.
QUESTIONS = {
    "plain": XL,
    "large-batch": f"{XL} --micro-batch 8 --stack hf",
    "accumulating": f"{XL} --global-batch-tokens 524288",
    "one-step-of-eight": f"{XL} --micro-batch 8 --global-batch-tokens 8192",
    "foreach": f"{XL} --optimizer-impl foreach",
    "sgd": f"{XL} --optimizer sgd",
    "lion": f"{XL} --optimizer lion",
    "adafactor": f"{XL} --optimizer adafactor --optimizer-impl loop",
    "paged": f"{XL} --optimizer paged-adamw8bit",
    "autocast": f"{XL} --recipe autocast",
    "master": f"{XL} --recipe master --micro-batch 3",
    "pure": f"{XL} --recipe pure --optimizer-impl loop",
    "fp32": f"{XL} --precision fp32",
    "eager": f"{XL} --attention eager --micro-batch 4 --dropout 0.1",
    "held-logits": f"{XL} --keep-logits --micro-batch 4",
    "chunked": f"{XL} --loss chunked --micro-batch 8",
    "megatron": f"{XL} --stack megatron",
    "megatron-2021": f"{XL} --stack megatron-2021 --micro-batch 4",
    "native": f"{XL} --stack native --micro-batch 8",
    "frozen": f"{XL} --method frozen:24",
    "offloaded": f"{XL} --offload optimizer",
    "small-host": f"{XL} --offload optimizer --host-memory 8GiB",
    "reserved": f"{XL} --reserve 4GiB",
    "other-memory": f"{XL} --gpu-memory 7GiB",
    "turing": "--gpu t4 --model gpt2-xl",
    "lora": "--gpu 4070ti --model llama-2-7b --method lora --lora-rank 64",
    "lora-autocast": "--gpu 4070ti --model llama-2-7b --method lora --recipe autocast",
    "qlora": "--gpu 4070ti --model llama-2-7b --method qlora --lora-precision bf16",
    "experts": "--gpu h100 --model mixtral-8x7b",
    "latent-attention": "--gpu 4090 --model deepseek-v2-lite --seq-len 2048",
    "multi-query": "--gpu 4070ti --model falcon-7b --seq-len 2048",
    "not-cuda": "--gpu mi300x --model llama-2-13b --micro-batch 8",
    "fits": f"{LLAMA} --micro-batch 4 --optimizer-impl foreach --recipe pure",
}
FITTING = {
    "small": "--gpu 4070ti --model gpt2",
    "accumulating": f"{LLAMA} --recipe pure --global-batch-tokens 524288",
    "checkpointed": f"{LLAMA} --checkpointing full --loss fused",
    "lora": "--gpu 4090 --model llama-2-7b --method lora --seq-len 512",
    # Above 349,525 tokens a default step of 524,288 is one micro-batch: nothing is accumulated.
    "beyond-one-step": "--gpu h200 --model llama-3.2-1b --checkpointing full --loss fused",
}

questions = pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)


def answer(cli: Cli, arguments: str, command: str = "memory") -> Any:
    result = cli(command, *arguments.split(), "-o", "json")
    assert result.code == 0, result.err
    return result.json["results"][0]


def assert_keeps_its_promise(cli: Cli, change: Any) -> None:
    name, *arguments = shlex.split(change["command"])
    result = cli(*arguments, "-o", "json")
    assert (name, result.code) == ("gptbudget", 0), result.err

    memory = result.json["results"][0]["memory"]
    assert memory["peak_bytes"] == change["peak_bytes"], change["command"]
    assert (memory["host_bytes"] or None) == change["host_bytes"], change["command"]


@questions
def test_each_change_is_a_command_that_needs_what_it_says(cli: Cli, question: str) -> None:
    for change in answer(cli, question)["changes"]:
        assert_keeps_its_promise(cli, change)


@questions
def test_each_remedy_is_a_command_that_fits(cli: Cli, question: str) -> None:
    found = answer(cli, question)
    assert found["memory"]["fits"] in {True, False}
    assert not (found["verdict"]["feasible"] and found["remedies"])

    for remedy in found["remedies"]:
        assert_keeps_its_promise(cli, remedy)
        assert cli(*shlex.split(remedy["command"])[1:], "--check").code == 0, remedy["command"]


@questions
def test_no_loss_of_quality_is_put_before_what_loses_none(cli: Cli, question: str) -> None:
    found = answer(cli, question)

    for kind in ("changes", "remedies"):
        marks = [change["costs_quality"] for change in found[kind]]
        assert marks == sorted(marks), found[kind]
    usable = found["memory"]["usable_bytes"]
    lossless = [
        change
        for change in found["changes"]
        if change["peak_bytes"] <= usable
        and not change["costs_quality"]
        and (not change["host_bytes"] or "--host-memory" not in question)
    ]
    if lossless and found["remedies"]:
        assert not found["remedies"][0]["costs_quality"]


@pytest.mark.parametrize("option", ["micro_batch", "seq_len"])
@pytest.mark.parametrize("question", FITTING.values(), ids=FITTING)
def test_the_largest_that_fits(cli: Cli, question: str, option: str) -> None:
    largest = answer(cli, question)["largest"][option]
    flag = f"--{option.replace('_', '-')}"
    words = shlex.split(question)
    if flag in words:
        del words[words.index(flag) : words.index(flag) + 2]

    at_most, beyond = (
        cli("memory", *words, flag, str(size), "--check") for size in (largest, largest + 1)
    )
    assert at_most.code == 0, at_most.out
    # Learned positions end where they end.
    assert beyond.code == 5 or (beyond.code == 2 and "positions" in beyond.err)


def test_a_given_step_bounds_the_micro_batch(cli: Cli) -> None:
    largest = answer(cli, "--gpu 4070ti --model gpt2 --global-batch-tokens 7168")["largest"]

    assert largest == {"micro_batch": 7, "seq_len": 1024}


def test_nothing_fits_when_the_states_do_not(cli: Cli) -> None:
    assert answer(cli, XL)["largest"] == {"micro_batch": None, "seq_len": None}


def test_changes_that_save_nothing_are_said(cli: Cli) -> None:
    # GPT-2 XL at micro-batch 1 peaks where every gradient is there: no loss, no activations.
    found = {tuple(c["changes"].items()): c["saved_bytes"] for c in answer(cli, XL)["changes"]}

    for change in (("loss", "chunked"), ("loss", "fused"), ("checkpointing", "full")):
        assert found[change,] == 0
    lines = cli("memory", *XL.split()).out.splitlines()
    (line,) = [line for line in lines if line.startswith("--checkpointing full")]
    assert line.split()[2] == "nothing"
    assert "+32% FLOPs" in line


@pytest.mark.parametrize(
    ("question", "present"),
    [
        pytest.param(XL, {"checkpointing": {"full"}, "recipe": {"master", "pure"}}, id="plain"),
        pytest.param(
            f"{XL} --attention eager",
            {"checkpointing": {"selective", "full"}, "attention": {"flash"}},
            id="scores-to-compute-again",
        ),
        pytest.param(f"{XL} --precision fp32", {"method": set(), "recipe": set()}, id="fp32"),
        pytest.param(f"{XL} --recipe master", {"recipe": {"pure"}}, id="master"),
        pytest.param(
            f"{XL} --recipe master --optimizer sgd --offload optimizer",
            {"recipe": set(), "method": set(), "offload": {"none", "all"}},
            id="masters-are-the-state-of-sgd",
        ),
        pytest.param(f"{XL} --recipe pure", {"recipe": set()}, id="pure"),
        pytest.param(f"{XL} --optimizer sgd", {"offload": {"all"}, "optimizer": set()}, id="sgd"),
        pytest.param(
            f"{XL} --keep-logits", {"loss": {"chunked"}, "keep_logits": {False}}, id="held"
        ),
        pytest.param("--gpu t4 --model gpt2-xl", {"attention": set()}, id="no-flash"),
        pytest.param(
            "--gpu h100 --model mixtral-8x7b", {"method": set()}, id="no-adapters-of-experts"
        ),
        pytest.param(
            f"{XL} --method lora",
            {"method": {"qlora"}, "recipe": set(), "offload": {"optimizer", "all"}},
            id="lora",
        ),
        pytest.param(
            f"{XL} --method qlora", {"method": set(), "recipe": set()}, id="qlora-is-the-last"
        ),
        pytest.param(
            f"{XL} --checkpointing selective --attention eager --loss chunked",
            {"checkpointing": {"full"}, "loss": {"fused"}},
            id="further-on-the-same-way",
        ),
        pytest.param(
            f"{XL} --offload optimizer", {"offload": {"none", "all"}}, id="back-or-further"
        ),
        pytest.param(
            f"{XL} --precision fp32 --attention efficient",
            {"precision": {"bf16"}, "attention": set()},
            id="half-the-bits",
        ),
    ],
)
def test_only_what_can_be_changed_is_offered(
    cli: Cli, question: str, present: dict[str, set[Any]]
) -> None:
    offered: dict[str, set[Any]] = {}
    for change in answer(cli, question)["changes"]:
        for option, value in change["changes"].items():
            offered.setdefault(option, set()).add(value)

    assert {option: offered.get(option, set()) for option in present} == present


def test_gpt2_xl_on_12_gb(cli: Cli) -> None:
    # Known ways: fp32 states on the host, all of them, since 16-bit weights with masters there sum
    # gradients in 16 bit; or 16-bit weights, 8-bit moments and checkpointing (9.6 GiB without
    # allocator slack), which costs quality.
    offloaded, narrow = answer(cli, XL)["remedies"]

    assert offloaded["changes"] == {"offload": "all"}
    assert not offloaded["costs_quality"]
    assert narrow["changes"] == {
        "recipe": "pure",
        "checkpointing": "full",
        "optimizer": "adamw8bit",
    }
    assert narrow["costs_quality"]


def test_compare_offers_the_same_ways(cli: Cli) -> None:
    ours, theirs = (answer(cli, XL, command)["remedies"] for command in ("memory", "compare"))

    assert [r["changes"] for r in ours] == [r["changes"] for r in theirs]
    assert [r["command"].replace("gptbudget memory", "gptbudget compare") for r in ours] == [
        r["command"] for r in theirs
    ]
    for remedy in theirs:
        assert_keeps_its_promise(cli, remedy)


@pytest.mark.parametrize(
    ("question", "changes"),
    [
        pytest.param(
            "--gpu 4070ti --model llama-2-7b --method lora --checkpointing full",
            {"method": "qlora"},
            id="fewer-bits-of-what-is-frozen",
        ),
        pytest.param(
            "--gpu 4090 --model gpt2 --offload optimizer --host-memory 1GiB",
            {"offload": "none"},
            id="lossless-without-the-offload",
        ),
        pytest.param(
            "--gpu a100-sxm-80gb --gpu-memory 13.5GiB --model llama-3.2-1b --keep-logits"
            " --seq-len 4096 --offload optimizer --recipe master",
            {"keep_logits": False, "loss": "fused"},
            id="a-loss-without-logits-to-keep",
        ),
        pytest.param(
            "--gpu 4070ti --model gpt2 --precision fp32 --stack native --method lora"
            " --micro-batch 16",
            {},
            id="defaults-that-follow-the-precision",
        ),
        pytest.param(
            "--gpu 4090 --model llama-2-7b --precision tf32 --optimizer sgd --micro-batch 8"
            " --seq-len 1024 --loss chunked --stack megatron-2021",
            {},
            id="attention-that-the-stack-fixes",
        ),
    ],
)
def test_the_way_out_of_a_recipe_already_chosen(
    cli: Cli, question: str, changes: dict[str, str]
) -> None:
    remedies = answer(cli, question)["remedies"]

    assert any(remedy["changes"].items() >= changes.items() for remedy in remedies)
    for remedy in remedies:
        assert_keeps_its_promise(cli, remedy)


def test_what_cannot_be_made_to_fit_is_said(cli: Cli) -> None:
    out = cli("memory", "--gpu", "gtx-1060-6gb", "--model", "gpt3-175b", "--precision", "fp32").out

    assert out.startswith("No: ")
    assert "no change of the recipe makes it fit on one card" in out


def test_offload_saves_what_the_host_takes_over(cli: Cli) -> None:
    found = answer(cli, XL)
    saved = {
        change["changes"]["offload"]: change["saved_bytes"]
        for change in found["changes"]
        if "offload" in change["changes"]
    }
    # Two moments in fp32, and their share of the allocator's slack.
    assert saved["optimizer"] == pytest.approx(1.024 * 8 * 1_557_611_200)
    assert saved["all"] > saved["optimizer"]


def test_flops_of_a_change(cli: Cli) -> None:
    ratios = {
        tuple(change["changes"].values()): change["flops_ratio"]
        for change in answer(cli, XL)["changes"]
    }
    # Recomputing every block adds nearly a third; adapters need no gradient of frozen weights.
    assert 1.30 < ratios["full",] < 4 / 3
    assert 2 / 3 < ratios["lora",] < 0.75
    assert ratios["optimizer",] == ratios["master",] == 1


@pytest.mark.parametrize(
    "question",
    [XL, "--gpu t4 --model gpt2-xl", f"{XL} --optimizer sgd", "--gpu 4090 --model yi-6b"],
)
def test_every_change_of_a_remedy_is_needed(cli: Cli, question: str) -> None:
    for remedy in answer(cli, question)["remedies"]:
        changes = remedy["changes"]
        for dropped in changes:
            flags = [
                f"--{option.replace('_', '-')}={value}"
                for option, value in changes.items()
                if option != dropped
            ]
            assert cli("memory", *question.split(), *flags, "--check").code == 5, dropped
