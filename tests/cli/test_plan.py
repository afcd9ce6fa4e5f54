"""``gptbudget plan``: budgets, laws, shapes, and whatever is asked wrongly."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

import gptbudget
from gptbudget.budget.budget import Plan
from gptbudget.core.chinchilla import compute_optimal_parameters
from tests.conftest import Cli, Result, assert_refused

YEAR = ("plan", "--gpu", "4070ti", "--time", "1y")
GIVEN = (*YEAR, "--utilization", "35%", "--convention", "6nd")
THE_ANSWER_IS_NO = 5


def laws(result: Result) -> dict[str, float]:
    """Billions of parameters by law."""
    return {law["law"]: law["parameters"] / 1e9 for law in result.json["laws"]}


def test_gophers_budget_by_every_law(cli: Cli) -> None:
    """Hoffmann et al. 2022: 67, 63 and 40; Besiroglu et al. 2024: 72."""
    result = cli("plan", "--flops", "5.76e23", "-o", "json")
    found = laws(result)

    assert result.code == 0
    assert found["besiroglu"] == pytest.approx(72.25, rel=1e-3)
    assert found["chinchilla-1"] == pytest.approx(67, rel=0.01)
    assert found["chinchilla-2"] == pytest.approx(63, rel=0.01)
    assert found["chinchilla-3"] == pytest.approx(40, rel=0.012)
    assert found["20-tokens"] == pytest.approx(70, rel=0.012)
    assert result.json["optimum"]["law"] == "besiroglu"
    assert result.json["optimum"]["tokens"] == pytest.approx(1.329e12, rel=1e-3)
    assert result.json["fits"] is None
    assert result.json["verdict"]["feasible"] is None


def test_a_year_on_a_4070_ti_at_35_percent(cli: Cli) -> None:
    optimum = cli(*GIVEN, "-o", "json").json["optimum"]

    assert optimum["parameters"] == pytest.approx(2.6e9, rel=0.01)
    assert optimum["tokens"] == pytest.approx(56e9, rel=0.015)


def test_a_year_on_a_4070_ti_as_it_is_predicted(cli: Cli) -> None:
    result = cli(*YEAR, "-o", "json")
    answer = result.json

    assert result.code == 0
    best = compute_optimal_parameters(answer["budget"]["flops"])
    assert answer["optimum"]["parameters"] == pytest.approx(best, rel=1e-3)
    assert answer["fits"] == {"any_way": True, "without_offload": False, "offload": "all"}
    smaller = answer["best_that_fits"]
    assert smaller["parameters"] < answer["optimum"]["parameters"]
    assert smaller["loss"] > answer["optimum"]["loss"]
    assert "offload" not in smaller["command"]
    assert "does not fit without offload" in answer["verdict"]["text"]
    assert any("corpus and tokenizer" in note for note in answer["notes"])


CRAMPED = (
    *("plan", "--gpu", "4070ti", "--recipe", "master", "--checkpointing", "full"),
    *("--loss", "fused", "--micro-batch", "1", "--time", "1y"),
)


SIZE = r"[0-9.]+[MB] on [0-9.]+[MBT] tokens, loss [0-9.]+"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", f"without offload, only with --offload optimizer; the best that does is {SIZE}"),
        (
            "--gpu-memory 1GiB",
            f"without offload, nor with it; without it the best is {SIZE}, with it {SIZE}",
        ),
        ("--gpu-memory 1GiB --offload none", f"; the best that does is {SIZE}"),
        (
            "--gpu-memory 1GiB --offload all",
            f" with --offload all; the best that does is {SIZE}",
        ),
        (
            "--gpu-memory 720MiB --offload optimizer",
            " with --offload optimizer, and no smaller model does",
        ),
    ],
    ids=["open", "too-large", "none", "all", "nothing"],
)
def test_an_offload_is_spoken_of_as_it_was_asked_for(cli: Cli, options: str, said: str) -> None:
    answer = cli(*CRAMPED, *options.split()).out

    assert re.search(rf"; it does not fit ?{said}\.$", answer.splitlines()[0])
    assert "best without offload" not in answer or "--offload" not in options


@pytest.mark.parametrize(
    "options",
    [
        YEAR,
        GIVEN,
        ("plan", "--gpu", "h100-sxm", "--gpus", "8", "--time", "30d"),
        ("plan", "--gpu", "a100", "--time", "7d", "--seq-len", "4096"),
        ("plan", "--gpu", "a100", "--time", "7d", "--stack", "native"),
    ],
    ids=["4070ti", "given", "8-h100", "long", "native"],
)
def test_the_shapes_pass_compare(cli: Cli, tmp_path: Path, options: tuple[str, ...]) -> None:
    """The shape is a catalog entry, and its command holds what the plan promises."""
    answer = cli(*options, "-o", "json").json
    for shape in (answer["shape"], answer["best_that_fits"]):
        file = tmp_path / "planned.yaml"
        file.write_text(json.dumps(shape["entry"]))
        command = shape["command"].replace("planned.yaml", str(file))
        result = cli(*shlex.split(command)[1:], "--check", "-o", "json")
        row = result.json["results"][0]
        assert result.code == 0
        assert row["model"]["parameters"] == shape["parameters"]
        assert row["time"]["tokens_per_s"] == pytest.approx(shape["time"]["tokens_per_s"])
        assert row["memory"]["peak_bytes"] == shape["memory"]["peak_bytes"]


def test_the_table_begins_with_the_answer(cli: Cli) -> None:
    lines = cli(*YEAR).out.splitlines()

    assert lines[0].startswith("1 x rtx-4070-ti in 365 days: best spent on ")
    assert "models: {gpt-" in lines[1]


def test_more_time_is_never_worse(cli: Cli) -> None:
    answers = [
        cli("plan", "--gpu", "a100", "--time", f"{days}d", "-o", "json").json["optimum"]
        for days in (1, 3, 9, 27, 81)
    ]
    sizes, losses = ([each[key] for each in answers] for key in ("parameters", "loss"))
    assert sizes == sorted(sizes)
    assert losses == sorted(losses, reverse=True)


def test_the_optimum_is_that_of_the_compute_its_shape_delivers(cli: Cli) -> None:
    """The fixed point: tokens/s of the shape, times a year, times 6 N, lead back to N."""
    answer = cli(*YEAR, "-o", "json").json
    shape = answer["shape"]
    delivered = 6 * shape["parameters"] * shape["time"]["tokens_per_s"] * 365 * 86_400
    assert answer["budget"]["flops"] == pytest.approx(delivered, rel=1e-3)
    again = cli("plan", "--flops", str(delivered), "-o", "json").json["optimum"]
    assert again["parameters"] == pytest.approx(answer["optimum"]["parameters"], rel=1e-3)
    assert shape["parameters"] == pytest.approx(answer["optimum"]["parameters"], rel=0.03)


def test_hardware_whose_memory_is_unknown(cli: Cli) -> None:
    asked = ("plan", "--gpu", "bluegene-l-2005", "--time", "1y", "--utilization", "10%")
    result = cli(*asked)
    assert result.code == 0
    assert "whether it fits is not known" in result.out


def test_money_buys_hours(cli: Cli) -> None:
    answer = cli("plan", "--gpu", "a100", "--cost", "500", "--price", "2", "-o", "json").json
    half = ("plan", "--gpu", "a100", "--gpus", "2", "--cost", "500", "--price", "2", "-o", "json")

    assert answer["budget"]["gpu_hours"] == pytest.approx(250)
    assert answer["budget"]["usd"] == pytest.approx(500)
    assert answer["budget"]["time_s"] == pytest.approx(250 * 3600)
    assert cli(*half).json["budget"]["time_s"] == pytest.approx(125 * 3600)


def test_electricity_is_the_price_of_a_card_one_owns(cli: Cli) -> None:
    asked = ("plan", "--gpu", "4070ti", "--cost", "100", "--kwh-price", "0.3", "-o", "json")
    hours = cli(*asked).json["budget"]["gpu_hours"]
    assert hours == pytest.approx(100 / 0.3 / 0.285)


def test_flops_on_hardware_take_time(cli: Cli) -> None:
    answer = cli("plan", "--gpu", "a100", "--flops", "1e20", "-o", "json").json

    assert answer["budget"]["flops"] == pytest.approx(1e20)
    assert answer["budget"]["time_s"] == pytest.approx(answer["shape"]["time"]["wall_clock_s"])
    assert 5e13 < 1e20 / answer["budget"]["time_s"] < 312e12


def test_data_and_use(cli: Cli) -> None:
    plain = cli("plan", "--flops", "1e21", "-o", "json")
    asked = ("--unique-tokens", "10B", "--inference-tokens", "1T")
    result = cli("plan", "--flops", "1e21", *asked, "-o", "json")
    more = set(laws(result)) - set(laws(plain))

    assert more == {"data-constrained", "inference-adjusted"}
    optimum = result.json["optimum"]
    assert optimum["epochs"] == pytest.approx(optimum["tokens"] / 10e9)
    assert laws(result)["data-constrained"] < laws(result)["besiroglu"]
    assert laws(result)["inference-adjusted"] < laws(result)["besiroglu"]
    assert any("epochs: beyond about 4" in note for note in result.json["notes"])


def test_host_memory_is_a_limit(cli: Cli) -> None:
    result = cli(*YEAR, "--host-memory", "32GiB", "-o", "json")

    assert result.code == 0
    assert result.json["fits"]["any_way"] is False
    best = result.json["best_with_offload"]
    assert best["memory"]["host_bytes"] <= 32 * 2**30
    assert cli(*YEAR, "--host-memory", "32GiB", "--check").code == THE_ANSWER_IS_NO


def test_nothing_fits(cli: Cli) -> None:
    result = cli(*YEAR, "--gpu-memory", "0.5GiB")
    assert result.code == THE_ANSWER_IS_NO
    assert "no smaller model does" in result.out


def test_unknown_memory_is_not_a_yes(cli: Cli) -> None:
    asked = ("plan", "--gpu", "h100-sxm", "--time", "1y", "--precision", "fp8")
    assert cli(*asked, "-o", "json").json["fits"]["any_way"] is None
    assert cli(*asked, "--check").code == THE_ANSWER_IS_NO


@pytest.mark.parametrize("form", ["csv", "markdown"])
def test_other_formats(cli: Cli, form: str) -> None:
    result = cli("plan", "--flops", "1e21", "-o", form)
    assert "besiroglu" in result.out or "Besiroglu" in result.out


def test_a_scenario(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "year.yaml"
    file.write_text("question: what is best?\ngpu: 4070ti\ntime: 1y\nutilization: 35%\n")
    answer = cli("plan", "--config", str(file), "-o", "json").json

    assert answer["optimum"]["parameters"] == pytest.approx(2.6e9, rel=0.01)
    assert answer["request"]["time"]["origin"] == "scenario"


def test_from_python() -> None:
    answer = gptbudget.plan(flops=5.76e23)
    assert isinstance(answer, Plan)
    assert answer.optimum.parameters == pytest.approx(7.225e10, rel=1e-3)


BAD: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no-budget": (("--gpu", "4070ti"), 2, "there is no budget"),
    "zero-flops": (("--flops", "0"), 2, "greater than zero"),
    "zero-time": (("--gpu", "4070ti", "--time", "0d"), 2, "greater than zero"),
    "zero-cost": (("--gpu", "a100", "--cost", "0"), 2, "greater than zero"),
    "time-and-cost": (
        ("--gpu", "a100", "--time", "1y", "--cost", "5"),
        2,
        "--time and --cost both set",
    ),
    "time-and-flops": (("--flops", "1e21", "--time", "1y"), 2, "--time and --flops both set"),
    "no-price": (("--gpu", "4070ti", "--cost", "500"), 2, "no price of rtx-4070-ti is known"),
    "free": (("--gpu", "a100", "--cost", "5", "--price", "0"), 2, "a price of 0"),
    "no-gpu": (("--time", "1y"), 2, "--gpu is missing"),
    "unknown-gpu": (("--gpu", "nosuch", "--time", "1y"), 3, "'nosuch'"),
    "all": (("--gpu", "all", "--time", "1y"), 2, "each accelerator"),
    "two-gpus": (("--gpu", "a100", "--gpu", "h100", "--time", "1d"), 2, "one --gpu, not 2"),
    "tokens": (("--flops", "1e21", "--tokens", "1B"), 2, "--tokens has no effect"),
    "method": (("--gpu", "a100", "--time", "1y", "--method", "lora"), 2, "--method has no"),
    "precision": (("--flops", "1e21", "--precision", "bf16"), 2, "--precision has no effect"),
    "too-little": (("--flops", "5"), 2, "too few for any scaling law"),
    "too-much": (("--gpu", "a100", "--flops", "1e40"), 2, "no shape of"),
    "no-data": (("--flops", "1e21", "--unique-tokens", "0.5"), 2, "less than one token"),
    "too-much-use": (("--flops", "1e21", "--inference-tokens", "1e30"), 2, "no model is small"),
    "no-peak": (("--gpu", "a100", "--time", "1y", "--precision", "fp8"), 2, "no fp8 peak"),
    "historic": (("--gpu", "geforce-8800-gtx", "--time", "1y"), 2, "no time can be predicted"),
    "network": (("--gpu", "a100", "--time", "1d", "--network", "50"), 2, "--network has no effect"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_questions(cli: Cli, case: tuple[tuple[str, ...], int, str]) -> None:
    arguments, code, part = case
    assert_refused(cli("plan", *arguments), code, part)
