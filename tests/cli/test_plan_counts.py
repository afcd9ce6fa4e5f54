"""``gptbudget plan --model``: how many GPUs for a deadline or for some money."""

from __future__ import annotations

import re
import shlex

import pytest

import gptbudget
from gptbudget.budget.plan import CountPlan
from gptbudget.core.chinchilla import compute_optimal_tokens
from gptbudget.units import format_bytes, format_duration
from tests.conftest import Cli, assert_refused

THE_ANSWER_IS_NO = 5
DAY_S = 86_400

QUESTIONS = {
    "deadline": ("--gpu", "a100", "--model", "gpt2-xl", "--time", "7d"),
    "nodes": ("--gpu", "a100", "--model", "gpt2-xl", "--tokens", "300B", "--time", "20d"),
    "offload": ("--gpu", "4070ti", "--model", "gpt2-xl", "--time", "1y"),
    "money": ("--gpu", "a100", "--model", "gpt2-xl", "--time", "30d", "--cost", "2k"),
    "adapters": (
        *("--gpu", "4070ti", "--model", "llama-2-7b", "--method", "qlora"),
        *("--tokens", "100M", "--time", "7d"),
    ),
    "shards": ("--gpu", "a100", "--model", "gpt2-xl", "--time", "7d", "--dp-shard", "2"),
    "host": ("--gpu", "4070ti", "--model", "gpt2-xl", "--time", "60d", "--host-memory", "16GiB"),
    "network": (
        *("--gpu", "a100", "--model", "gpt2-xl", "--tokens", "300B", "--time", "20d"),
        *("--network", "50"),
    ),
    "degrees": ("--gpu", "a100", "--model", "gpt2", "--time", "1d", "--tp", "2", "--pp", "3"),
}


@pytest.mark.parametrize("asked", QUESTIONS.values(), ids=QUESTIONS)
def test_the_answer_passes_compare(cli: Cli, asked: tuple[str, ...]) -> None:
    result = cli("plan", *asked, "-o", "json")
    row = result.json["results"][0]
    compared = cli(*shlex.split(row["command"])[1:], "--check", "-o", "json")

    assert (result.code, compared.code) == (0, 0)
    assert row["verdict"]["feasible"] is True
    again = compared.json["results"][0]
    assert again["gpus"] == row["gpus"]
    assert again["time"]["wall_clock_s"] == pytest.approx(row["time"]["wall_clock_s"])


def test_it_is_the_smallest_count(cli: Cli) -> None:
    """Half as many of a power of two, and one node less beyond a node, take too long."""
    few = cli("plan", *QUESTIONS["deadline"], "-o", "json").json["results"][0]
    many = cli("plan", *QUESTIONS["nodes"], "-o", "json").json["results"][0]
    assert few["gpus"] in {2, 4, 8}
    assert many["gpus"] > 8
    assert many["gpus"] % 8 == 0
    for row, fewer in ((few, few["gpus"] // 2), (many, many["gpus"] - 8)):
        command = row["command"].replace(f"--gpus {row['gpus']}", f"--gpus {fewer}")
        assert cli(*shlex.split(command)[1:], "--check").code == THE_ANSWER_IS_NO


def test_a_shorter_deadline_never_needs_fewer(cli: Cli) -> None:
    counts = []
    for days in (60, 20, 6, 2):
        asked = ("--gpu", "a100", "--model", "gpt2-xl", "--time", f"{days}d", "-o", "json")
        counts.append(cli("plan", *asked).json["results"][0]["gpus"])
    assert counts == sorted(counts)


def test_gpt3_in_a_month(cli: Cli) -> None:
    """Narayanan et al. 2021, section 5.1: 34 days on 1,024 A100 at 140 TFLOP/s each."""
    asked = ("--model", "gpt3-175b", "--tokens", "300B", "--time", "34d")
    result = cli("plan", "--gpu", "a100", *asked, "-o", "json")
    assert 512 < result.json["results"][0]["gpus"] <= 1024


def test_several_gpus_are_rows_the_cheapest_first(cli: Cli) -> None:
    asked = ("--gpu", "a100", "--gpu", "h100", "--gpu", "4070ti")
    rows = cli("plan", *asked, "--model", "gpt2-xl", "--time", "30d", "-o", "json").json["results"]
    usd = [row["cost"]["usd"] for row in rows]

    assert {row["gpu"]["name"] for row in rows[:2]} == {"a100-sxm-80gb", "h100-sxm-80gb"}
    assert usd[0] <= usd[1]
    assert usd[2] is None


def test_the_table_begins_with_the_answer(cli: Cli) -> None:
    row = cli("plan", *QUESTIONS["deadline"], "-o", "json").json["results"][0]
    first, command, *_ = cli("plan", *QUESTIONS["deadline"]).out.splitlines()

    several = f"{row['gpus']} x a100-sxm-80gb"
    assert re.match(rf"Yes: {several} train gpt2-xl on [\d.]+B tokens in .* for \$", first)
    assert command.startswith(f"{several}: gptbudget compare --gpu a100-sxm-80gb")


NO = {
    "money": (("--gpu", "a100", "--model", "gpt2-xl", "--cost", "200"), "for $200"),
    "both": (
        ("--gpu", "a100", "--model", "gpt2-xl", "--time", "1d", "--cost", "900"),
        "in 1.00 days for $900",
    ),
    "time": (("--gpu", "a100", "--model", "gpt2", "--time", "1s"), "in 1.00 s"),
    "too-slow-at-the-peak": (
        ("--gpu", "h100", "--model", "llama-3-8b", "--time", "1h"),
        "no number of h100-sxm-80gb up to 131,072 trains llama-3-8b in 1.00 h; the nearest, "
        "131,072 x h100-sxm-80gb, needs ",
    ),
    "too-slow-by-the-utilization": (
        ("--gpu", "a100", "--model", "7B", "--utilization", "40%", "--time", "1s"),
        "the nearest, 131,072 x a100-sxm-80gb, needs ",
    ),
    "memory": (
        ("--gpu", "4070ti", "--gpu-memory", "1GiB", "--model", "gpt2-xl", "--time", "1y"),
        "holds gpt2-xl without losing quality: with the requested options, it needs ",
    ),
    "memory-of-each": (
        (
            *("--gpu", "4070ti", "--model", "gpt3-175b", "--time", "100y"),
            *("--tp", "2", "--pp", "1", "--zero", "0", "--offload", "none"),
        ),
        "holds gpt3-175b without losing quality: with the requested options, it needs ",
    ),
    "fixed": (
        ("--gpu", "a100", "--model", "gpt2-xl", "--time", "1d", "--dp", "2"),
        "the nearest, 2 x a100",
    ),
}


@pytest.mark.parametrize("case", NO.values(), ids=NO)
def test_no(cli: Cli, case: tuple[tuple[str, ...], str]) -> None:
    asked, part = case
    result = cli("plan", *asked)

    assert result.code == THE_ANSWER_IS_NO
    assert result.out.startswith("No: no number of ")
    assert part in result.out.splitlines()[0]


@pytest.mark.parametrize(
    ("case", "place"), [("memory", "one GPU"), ("memory-of-each", "each of 2 GPUs")]
)
def test_what_it_needs_is_what_compare_says(cli: Cli, case: str, place: str) -> None:
    asked, _ = NO[case]
    memory = cli("compare", *asked, "-o", "json").json["results"][0]["memory"]
    needed, usable = (format_bytes(memory[name]) for name in ("peak_bytes", "usable_bytes"))

    first = cli("plan", *asked).out.splitlines()[0]
    assert f"with the requested options, it needs {needed} on {place}, which has {usable}" in first


def test_a_given_utilization_is_what_the_nearest_is_reckoned_at(cli: Cli) -> None:
    """6 N D FLOPs at 40 % of 312 TFLOP/s each."""
    flops = 6 * 7e9 * compute_optimal_tokens(7e9)
    first = cli("plan", *NO["too-slow-by-the-utilization"][0]).out.splitlines()[0]

    assert f"needs {format_duration(flops / (2**17 * 0.4 * 312e12))}" in first


def test_memory_is_no_reason_where_it_suffices(cli: Cli) -> None:
    """Even at their peak no GPUs are fast enough, so that none would have been tried."""
    asked = ("--gpu", "h100", "--model", "llama-3-8b", "--time", "1h", "-o", "json")
    row = cli("plan", *asked).json["results"][0]

    assert row["memory"]["fits"] is True
    assert row["gpus"] == 2**17
    assert row["search"]["candidates"] > 0


def test_numbers_are_named_up_to_the_last_that_was_tried(cli: Cli) -> None:
    """Beyond 4,096, three times as many more are no faster; a fixed degree allows one number."""
    stalled = cli("plan", "--gpu", "h100", "--model", "gpt2", "--time", "1s").out
    fixed = cli("plan", *NO["fixed"][0]).out

    assert "up to 32,768 trains gpt2 in 1.00 s; the nearest, 4,096 x" in stalled
    assert "up to 2 trains gpt2-xl" in fixed


def test_a_bare_size_is_counted_and_its_memory_is_unknown(cli: Cli) -> None:
    asked = ("--gpu", "a100", "--model", "1.5B", "--time", "7d", "--utilization", "40%")
    result = cli("plan", *asked, "-o", "json")
    # 6 x 1.5e9 x 33.4e9 FLOP at 312e12 x 40 %: 27.9 days on one
    assert result.json["results"][0]["gpus"] == 4
    assert result.json["verdict"]["feasible"] is None
    assert cli("plan", *asked, "--check").code == THE_ANSWER_IS_NO


def test_from_python() -> None:
    found = gptbudget.plan(model="gpt2-xl", gpu="a100", time="7d")
    assert isinstance(found, CountPlan)
    assert found.feasible
    assert found.found[0].way.run.gpus == 4


BAD: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no-limit": (("--gpu", "a100", "--model", "gpt2"), 2, "no limit to the number"),
    "no-gpu": (("--model", "gpt2", "--time", "1d"), 2, "--gpu is missing"),
    "gpus": (("--gpu", "a100", "--model", "gpt2", "--time", "1d", "--gpus", "4"), 2, "--gpus has"),
    "flops": (
        ("--gpu", "a100", "--model", "gpt2", "--time", "1d", "--flops", "1e20"),
        2,
        "--flops",
    ),
    "data": (
        ("--gpu", "a100", "--model", "gpt2", "--time", "1d", "--unique-tokens", "1B"),
        2,
        "--unique-tokens",
    ),
    "model": (("--gpu", "a100", "--model", "nosuch", "--time", "1d"), 3, "'nosuch'"),
    "no-price": (("--gpu", "4070ti", "--model", "gpt2", "--cost", "9"), 2, "no price of rtx"),
    "useless-network": (
        (
            *("--gpu", "a100", "--model", "gpt2", "--time", "1d"),
            *("--network", "50", "--utilization", "40%"),
        ),
        2,
        "--network has no effect",
    ),
    "size": (("--gpu", "a100", "--model", "1.5B", "--time", "7d"), 2, "no shape"),
    "degree": (("--gpu", "a100", "--model", "gpt2", "--time", "1d", "--tp", "5"), 2, "--tp 5"),
    "zero": (("--gpu", "a100", "--model", "gpt2", "--time", "0d"), 2, "greater than zero"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_questions(cli: Cli, case: tuple[tuple[str, ...], int, str]) -> None:
    arguments, code, part = case
    assert_refused(cli("plan", *arguments), code, part)
