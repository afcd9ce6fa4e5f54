"""``gptbudget fit``: the answer first, what it costs, what to type, and what cannot be."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.conftest import Cli

XL = ("fit", "--gpu", "4070ti", "--model", "gpt2-xl")
GPT3 = ("fit", "--gpu", "a100", "--model", "gpt3-175b", "--gpus", "1024")
THE_ANSWER_IS_NO = 5


def test_the_first_line_is_the_answer(cli: Cli) -> None:
    result = cli(*XL)
    first, second, *_ = result.out.splitlines()

    assert result.code == 0
    assert first.startswith("Yes: gpt2-xl on 1 x rtx-4070-ti takes ")
    assert "days" in first
    assert second.startswith("1: gptbudget compare --gpu rtx-4070-ti --model gpt2-xl ")


def test_gpt2_xl_on_twelve_gigabytes(cli: Cli) -> None:
    rows = cli(*XL, "-o", "json").json["results"]
    narrow = [
        row
        for row in rows
        if row["losses"] == ["pure 16 bit", "8-bit AdamW"]
        and row["choices"].get("checkpointing") == "full"
    ]
    on_host = [
        row for row in rows if not row["costs_quality"] and row["choices"].get("offload") == "all"
    ]
    rounding = [row for row in rows if row["losses"] == ["gradients summed in 16 bit"]]

    assert any("micro_batch" not in row["choices"] for row in narrow)  # 1 is the default
    assert on_host
    assert rows.index(on_host[0]) < rows.index(rounding[0])
    assert all(row["memory"]["host_bytes"] for row in on_host)
    assert rows.index(on_host[0]) < rows.index(narrow[0])


def test_qlora_of_a_7b_fits_a_4090(cli: Cli) -> None:
    result = cli("fit", "--gpu", "rtx-4090", "--model", "llama-2-7b", "--method", "qlora")

    assert result.code == 0
    assert result.out.startswith("It fits, in more than a year: ")


@pytest.mark.parametrize("arguments", [(*XL, "--top", "12"), (*GPT3, "--top", "5")], ids=str)
def test_every_row_passes_the_check_of_its_own_command(
    cli: Cli, arguments: tuple[str, ...]
) -> None:
    rows = cli(*arguments, "-o", "json").json["results"]

    assert rows
    for row in rows:
        _, *words = shlex.split(row["command"])
        again = cli(*words, "--check", "-o", "json")
        assert again.code == 0
        same = again.json["results"][0]
        assert same["time"]["wall_clock_s"] == pytest.approx(row["time"]["wall_clock_s"])
        assert same["memory"]["peak_bytes"] == pytest.approx(row["memory"]["peak_bytes"])


def test_the_search_is_counted(cli: Cli) -> None:
    search = cli(*GPT3, "--top", "1", "-o", "json").json["search"]

    assert search["candidates"] > search["evaluated"] > search["feasible"] > 0
    assert search["seconds"] > 0
    assert search["left_out"] == [
        "offloads and other copies of the weights on more than 64 GPUs",
        "recipes that cost quality",
    ]


def test_each_choice_is_held_against_the_run_without_it(cli: Cli) -> None:
    best = cli(*XL, "-o", "json").json["results"][0]
    choices = {name for each in best["distances"] for name in each["choice"]}

    assert choices == set(best["choices"])
    for each in best["distances"]:
        assert each["text"].count(":") == 1
        assert each["time_ratio"] > 0
    host = next(each for each in best["distances"] if "offload" in each["choice"])
    assert host["saved_bytes"] > 10 * 2**30


def test_flags_of_other_programs(cli: Cli) -> None:
    gpt3 = (*GPT3, "--tp", "8", "--cp", "1", "--loss", "plain", "--top", "1")
    megatron = cli(*gpt3, "-o", "json").json["results"][0]["programs"]
    nano = cli("fit", "--gpu", "rtx-4090", "--model", "gpt2", "--loss", "plain", "-o", "json")
    llama = ("fit", "--gpu", "h100", "--model", "llama-3-8b", "--gpus", "64")
    titan = cli(*llama, "--zero", "3", "--loss", "plain", "--tp", "1", "-o", "json")

    assert "--num-layers 96 --hidden-size 12288" in megatron["Megatron-LM"]
    assert "--global-batch-size 1536" in megatron["Megatron-LM"]
    plain = [row["programs"] for row in nano.json["results"] if "nanoGPT" in row["programs"]]
    assert "--n_layer=12 --n_head=12 --n_embd=768" in plain[0]["nanoGPT"]
    sharded = [row["programs"] for row in titan.json["results"] if row["programs"]]
    assert "--parallelism.data_parallel_shard_degree" in sharded[0]["torchtitan"]


def test_a_front_over_hardware(cli: Cli) -> None:
    hardware = ("--gpu", "a100", "--gpu", "h100", "--gpus", "8..12")
    result = cli("fit", *hardware, "--model", "llama-3-8b", "--cp", "1", "--loss", "fused")

    assert result.code == 0
    assert "h100-sxm-80gb" in result.out
    assert "--gpu GPU --gpus N" in result.out


def test_a_scenario_gives_what_stays_fixed(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "xl.yaml"
    file.write_text("question: which?\ngpu: 4070ti\nmodel: gpt2-xl\ncheckpointing: full\n")
    rows = cli("fit", "--config", str(file), "-o", "json").json["results"]

    assert rows
    assert all("--checkpointing full" in row["command"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--offload", "none", "--method", "full"), "too much"),
        (("--time", "1d"), "the fastest that fits takes"),
        (("--cost", "1", "--price", "1"), "the cheapest that fits costs"),
        (("--time", "1d", "--cost", "1", "--price", "1"), " at lower quality and the cheapest"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_no_comes_with_the_nearest_miss(cli: Cli, arguments: tuple[str, ...], what: str) -> None:
    model = "llama-3-8b" if "none" in arguments else "gpt2-xl"
    result = cli("fit", "--gpu", "4070ti", "--model", model, *arguments)
    first, second, *_ = result.out.splitlines()

    assert result.code == THE_ANSWER_IS_NO
    assert first.startswith("No: ")
    assert what in first
    assert second.startswith("nearest, at lower quality: gptbudget compare ")


BAD = [
    (("--gpu", "4070ti"), "--model is missing"),
    (("--model", "gpt2"), "--gpu is missing"),
    (("--gpu", "4070ti", "--model", "1.5B"), "needs a model with a shape"),
    (("--gpu", "4070ti", "--model", "gpt2", "--model", "gpt2-xl"), "one model, not 2"),
    (("--gpu", "a100", "--model", "gpt2", "--gpus", "8..4"), "runs backwards"),
    (("--gpu", "a100", "--model", "gpt2", "--gpus", "1,5"), "decimal point"),
    (("--gpu", "a100", "--model", "gpt2", "--gpus", "1000000"), "search fewer"),
    (("--gpu", "a100", "--model", "gpt2-xl", "--gpus", "7", "--tp", "2"), "--tp 2 does not divide"),
    (
        ("--gpu", "a100", "--model", "gpt2", "--gpus", "13", "--global-batch-tokens", "524288"),
        "nothing divides --global-batch-tokens 524288",
    ),
    (("--gpu", "a100", "--model", "gpt2", "--time", "0d"), "greater than zero"),
    (("--gpu", "a100", "--model", "gpt2", "--cost", "0"), "greater than zero"),
    (("--gpu", "4070ti", "--model", "gpt2", "--minimize", "cost"), "needs a price"),
    (("--gpu", "4070ti", "--model", "gpt2", "--cost", "10"), "needs a price"),
    (("--gpu", "4070ti", "--model", "gpt2", "--minimize", "speed"), "'speed'"),
    (("--gpu", "h100", "--model", "gpt2", "--precision", "fp8"), "not modelled"),
]


@pytest.mark.parametrize(("arguments", "what"), BAD, ids=[what for _, what in BAD])
def test_what_cannot_be_asked(cli: Cli, arguments: tuple[str, ...], what: str) -> None:
    result = cli("fit", *arguments)

    assert (result.code, result.out) == (2, "")
    assert what in result.err
    assert result.err.count("\n") == 1
