"""``--explain`` on the commands that have it, in every format."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import gptbudget
from gptbudget.answer.explain.document import steps_of
from gptbudget.answer.explain.named import explanation
from gptbudget.catalog.catalog import load_catalog
from gptbudget.cli.main import run
from tests.answer.explain.arithmetic import evaluated
from tests.conftest import Cli, assert_refused

QUESTION = ("compare", "--gpu", "4070ti", "--model", "gpt2-xl")

COMMANDS = {
    "compare": ("compare", "--gpu", "4070ti", "--model", "gpt2"),
    "memory": ("memory", "--gpu", "4070ti", "--model", "gpt2"),
    "fit": ("fit", "--gpu", "4070ti", "--model", "gpt2", "--top", "2"),
    "plan": ("plan", "--gpu", "4070ti", "--time", "30d"),
    "counts": ("plan", "--gpu", "a100", "--model", "gpt2-xl", "--time", "10d"),
    "flops": ("plan", "--flops", "1e21"),
}


def data_of(command: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    found = (
        data["explanation"] if command in {"plan", "flops"} else data["results"][0]["explanation"]
    )
    return list(found)


@pytest.mark.parametrize("command", COMMANDS)
def test_as_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMANDS[command], "--explain", "-o", "json"]) == 0
    steps = data_of(command, json.loads(capsys.readouterr().out))
    assert steps
    for step in steps:
        assert evaluated(step["with_numbers"]) == pytest.approx(step["value"], rel=1e-9)
        assert set(step) >= {"name", "formula", "with_numbers", "value", "unit", "source", "inputs"}
        for each in step["inputs"]:
            assert set(each) == {"name", "value", "unit", "origin", "source"}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("width", [60, 120])
@pytest.mark.parametrize("name", ["", "peak_bytes"])
def test_as_a_table(
    command: str, width: int, name: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "optimum.loss" if name and command in {"plan", "flops"} else name
    monkeypatch.setenv("COLUMNS", str(width))
    out = cli(*COMMANDS[command], f"--explain={name}").out
    explained = out[out.index("explained") : out.index("\n- ")]
    words = [line for line in explained.splitlines() if "http" not in line]
    assert "explained" not in cli(*COMMANDS[command]).out
    assert max(map(len, words)) <= width
    assert all(part in explained for part in (name, "x" if name else "formula"))


def lines(cli: Cli, *words: str) -> int:
    return cli(*QUESTION, *words).out.count("\n")


def test_an_outline_is_as_long_as_a_screen(cli: Cli) -> None:
    assert 20 < lines(cli, "--explain") - lines(cli) <= 45


def test_a_line_of_an_outline_is_a_number_and_its_formula(cli: Cli) -> None:
    out = cli(*QUESTION, "--explain").out
    rows = [re.split(r"\s{2,}", line) for line in out.splitlines()]
    assert ["required_flops_6nd", "3.23354e+20 FLOP", "6 x parameters x tokens"] in rows
    assert ["ratio", "4.35465", "available_flops / required_flops_6nd"] in rows
    assert ["gpus", "1", "default: default of --gpus"] in rows


def test_each_name_of_an_outline_can_be_asked_for(cli: Cli) -> None:
    out = cli(*QUESTION, "--explain").out
    rows = out[out.index("number ") : out.index("\n- ")].splitlines()[1:]
    found = explanation(gptbudget.estimate(gpu="4070ti", model="gpt2-xl"))
    for name in (row.split()[0] for row in rows if row.strip() and not row.startswith(" ")):
        assert steps_of(found, name)[-1].name == name


NAMES = {
    "wall_clock_s": "wall_clock_s",
    "time.wall_clock_s": "wall_clock_s",
    "time.parts.products": "time.products",
    "time.products": "time.products",
    "products": "time.products",
    "memory.weights": "memory.weights",
    "memory.phases.start": "memory.phases.start",
    "memory.peak_bytes": "peak_bytes",
    "cost.gpu_hours": "gpu_hours",
    "compute.ratio": "ratio",
    "required_flops_6nd": "required_flops_6nd",
    "model.parameters": "parameters",
    "time.by_stack.hf.tokens_per_s": "time.by_stack.hf.tokens_per_s",
    "run.micro_batches": "run.micro_batches",
    "machine.memory_bytes_per_s": "machine.memory_bytes_per_s",
    "product_s": "product_s",
    "gpus": "gpus",
}


def test_a_number_is_explained_by_its_name() -> None:
    found = explanation(gptbudget.estimate(gpu="4070ti", model="gpt2-xl"))
    for asked, name in NAMES.items():
        steps = steps_of(found, asked)
        needed = {each.name for step in steps for each in step.inputs}
        assert steps[-1].name == name
        assert all(step in found.steps for step in steps)
        assert needed >= {step.name for step in steps[:-1]}


@pytest.mark.parametrize("asked", ["time.parts.products", "products_s", "gpus"])
def test_by_its_name_it_has_steps_of_its_own(asked: str, cli: Cli) -> None:
    steps = cli(*QUESTION, "--explain", asked, "-o", "json").json["results"][0]["explanation"]
    out = cli(*QUESTION, "--explain", asked).out
    assert f"\nexplained: {steps[-1]['name']}\n{steps[-1]['name']} = " in out


def test_a_number_stands_on_two_levels(cli: Cli) -> None:
    out = cli(*QUESTION, "--explain", "ratio").out
    titles = ("explained:", "of which\n", "of which, in", "inputs")
    root, terms, short, taken = (out.index(f"\n{title}") for title in titles)
    assert root < out.index("\nratio = available_flops / required_flops_6nd\n") < terms
    assert terms < out.index("\navailable_flops = required_flops_6nd x horizon_s") < short
    assert short < out.index("\nwall_clock_s ") < taken < out.index("\nhorizon_s ")
    assert "products_s" not in out[root:]


@pytest.mark.parametrize(
    ("question", "name", "said"),
    [
        ("--model gpt2", "wall_clok_s", "this answer has no number of that name; the nearest are "),
        (
            "--model gpt2",
            "zzzzzzzz",
            "this answer has no number of that name; --explain lists them",
        ),
        ("--model gpt2", "usd", "no price of this card is known; give --price (USD per GPU-hour)"),
        ("--model gpt2", "cost.co2_kg", "it needs the grid and the power of the card; give --grid"),
        ("--model gpt2", "memory.masters", "it is zero in this answer; --explain lists"),
        ("--model gpt2", "time.host_update", "it is zero in this answer; --explain lists"),
        ("--model gpt2", "host_bytes", "the run uses no host memory; add --offload"),
        ("--model 1.5B --utilization .4", "peak_bytes", "memory is not known, as a bare size has"),
        ("--model 1.5B --utilization .4", "memory.activations", "memory is not known, as a bare"),
        ("--flops 1e21 --utilization .4", "memory.logits", "memory is not known, as an amount of"),
        ("--model gpt2 --utilization .4", "time.products", "a time at a given utilization has no"),
        ("--model 1.5B --utilization .4", "mfu", "a bare size has no shape; name a model"),
        ("--flops 1e21 --utilization .4", "required_flops_6nd", "an amount of FLOPs has no shape"),
        ("--model 1.5B --utilization .4", "low_s", "a time at a given utilization has no range"),
    ],
)
def test_a_number_that_there_is_not_is_refused(
    question: str, name: str, said: str, cli: Cli
) -> None:
    for form in ("table", "json"):
        result = cli("compare", "--gpu", "4070ti", *question.split(), "--explain", name, "-o", form)
        assert_refused(result, 2, f"error: --explain {name}: {said}")


def test_the_nearest_names_are_said(cli: Cli) -> None:
    assert "the nearest are wall_clock_s" in cli(*QUESTION, "--explain", "wal_clock_s").err


def test_without_a_time_nothing_of_time_is_known(cli: Cli) -> None:
    old = next(each for each in load_catalog().gpus if each.spec.segment == "historic")
    for name in ("wall_clock_s", "ratio", "usd"):
        result = cli("compare", "--gpu", old.key, "--model", "gpt2", "--explain", name)
        assert_refused(result, 2, "no time is predicted for this hardware; give --utilization")


@pytest.mark.parametrize(
    "words",
    [
        ["--explain", "--gpu", "4070ti", "--model", "gpt2"],
        ["--gpu", "4070ti", "--explain", "--model", "gpt2"],
        ["--gpu", "4070ti", "--model", "gpt2", "--explain"],
        ["--gpu", "4070ti", "--model", "gpt2", "--explain="],
    ],
)
def test_without_a_name_it_may_stand_anywhere(words: list[str], cli: Cli) -> None:
    assert cli("compare", *words).out == cli(*COMMANDS["compare"], "--explain").out


@pytest.mark.parametrize(
    "words",
    [
        ["--explain", "usd", "--gpu", "a100", "--model", "gpt2"],
        ["--gpu", "a100", "--explain=cost.usd", "--model", "gpt2"],
        ["--gpu", "a100", "--model", "gpt2", "--explain", "usd"],
    ],
)
def test_with_a_name_it_may_stand_anywhere(words: list[str], cli: Cli) -> None:
    assert "\nusd = gpu_hours x price_usd_per_hour\n" in cli("compare", *words).out


def test_a_command_that_explains_nothing_says_so(cli: Cli) -> None:
    assert_refused(cli("models", "gpt2", "--explain", "layers"), 2, "o such option: --explain")


def test_as_markdown(cli: Cli) -> None:
    out = cli(*COMMANDS["compare"], "--explain", "-o", "markdown").out
    assert "### explained\n" in out
    assert "| required_flops_6nd | " in out
    full = cli(*COMMANDS["compare"], "--explain", "required_flops_6nd", "-o", "markdown").out
    row = next(line for line in full.splitlines() if line.startswith("| required_flops_6nd ="))
    assert row.startswith("| required_flops_6nd = 6 x parameters x tokens<br>  = 6 x 124439808 x ")
    assert row.endswith(" |")


@pytest.mark.parametrize("command", COMMANDS)
def test_csv_has_no_place_for_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMANDS[command], "--explain", "-o", "csv"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "gptbudget: error: --explain does not work with -o csv; use json, markdown or table\n"
    )


def test_a_grid_explains_each_row_as_data_and_the_best_in_tables(cli: Cli) -> None:
    grid = ["compare", "--gpu", "4090", "--gpu", "a100", "--model", "gpt2", "--explain"]
    for name in ("", "wall_clock_s"):
        for result in cli(*grid, name, "-o", "json").json["results"]:
            values = {step["name"]: step["value"] for step in result["explanation"]}
            known = result["time"]["wall_clock_s"]
            assert values["wall_clock_s"] == pytest.approx(known, rel=1e-9)
    assert cli(*grid).out.count("explained, gpt2 on 1 x a100-sxm-80gb\n") == 1
    best = cli(*grid, "wall_clock_s").out
    assert best.count("explained, gpt2 on 1 x a100-sxm-80gb: wall_clock_s\n") == 1


def test_a_number_that_only_other_rows_lack_has_no_steps_there(cli: Cli) -> None:
    grid = ["compare", "--gpu", "4070ti", "--gpu", "a100", "--model", "gpt2", "--explain", "usd"]
    best, other = cli(*grid, "-o", "json").json["results"]
    assert best["explanation"][-1]["name"] == "usd"
    assert (other["cost"]["usd"], other["explanation"]) == (None, [])


def test_where_nothing_fits_the_nearest_miss_is_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["fit", "--gpu", "4070ti", "--model", "llama-2-7b", "--method", "full", "--time", "1d"]
    assert run([*asked, "--explain", "-o", "json"]) == 5
    data = json.loads(capsys.readouterr().out)
    assert data["misses"][0]["explanation"]


def test_the_bill_of_memory_has_no_numbers_of_time(cli: Cli) -> None:
    result = cli("memory", "--gpu", "4090", "--model", "gpt2", "--explain", "time.products")
    assert_refused(result, 2, "--explain time.products: this answer has no number of that name")
