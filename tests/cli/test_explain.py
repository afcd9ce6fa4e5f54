"""``--explain`` on the commands that have it, in every format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gptbudget.cli.main import run
from tests.answer.explain.arithmetic import evaluated

COMMANDS = {
    "compare": ("compare", "--gpu", "4070ti", "--model", "gpt2"),
    "memory": ("memory", "--gpu", "4070ti", "--model", "gpt2"),
    "fit": ("fit", "--gpu", "4070ti", "--model", "gpt2", "--top", "2"),
    "plan": ("plan", "--gpu", "4070ti", "--time", "30d"),
    "counts": ("plan", "--gpu", "a100", "--model", "gpt2-xl", "--time", "10d"),
    "flops": ("plan", "--flops", "1e21"),
}


def steps_of(command: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    found = (
        data["explanation"] if command in {"plan", "flops"} else data["results"][0]["explanation"]
    )
    return list(found)


@pytest.mark.parametrize("command", COMMANDS)
def test_as_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMANDS[command], "--explain", "-o", "json"]) == 0
    steps = steps_of(command, json.loads(capsys.readouterr().out))
    assert steps
    for step in steps:
        assert evaluated(step["with_numbers"]) == pytest.approx(step["value"], rel=1e-9)
        assert set(step) >= {"name", "formula", "with_numbers", "value", "unit", "source", "inputs"}
        for each in step["inputs"]:
            assert set(each) == {"name", "value", "unit", "origin", "source"}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("width", [60, 120])
def test_as_a_table(
    command: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert run([*COMMANDS[command]]) == 0
    before = capsys.readouterr().out
    assert run([*COMMANDS[command], "--explain"]) == 0
    out = capsys.readouterr().out
    assert "explained" not in before
    explained = out[out.index("explained") : out.index("\n- ")]
    words = [line for line in explained.splitlines() if "http" not in line]
    assert max(map(len, words)) <= width
    assert "x parameters" in explained or "beta" in explained or command == "memory"
    assert "default" in explained or command == "flops"


def test_as_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMANDS["compare"], "--explain", "-o", "markdown"]) == 0
    out = capsys.readouterr().out
    assert "### explained: FLOPs" in out
    row = next(line for line in out.splitlines() if line.startswith("| required_flops_6nd"))
    assert row.startswith("| required_flops_6nd = 6 x parameters x tokens<br>  = 6 x 124439808 x ")
    assert row.endswith(" |")


@pytest.mark.parametrize("command", COMMANDS)
def test_csv_has_no_place_for_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMANDS[command], "--explain", "-o", "csv"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "gptbudget: error: --explain has no place in csv; use -o json, markdown or table\n"
    )


def test_a_grid_explains_each_row_as_data_and_the_best_in_tables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    grid = ["compare", "--gpu", "4090", "--gpu", "a100", "--model", "gpt2", "--explain"]
    assert run([*grid, "-o", "json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    for result in results:
        values = {step["name"]: step["value"] for step in result["explanation"]}
        assert values["wall_clock_s"] == pytest.approx(result["time"]["wall_clock_s"], rel=1e-9)
    assert run(grid) == 0
    out = capsys.readouterr().out
    assert out.count("explained, gpt2 on 1 x a100-sxm-80gb: parameters") == 1
    assert out.count(": parameters\n") == 1


def test_where_nothing_fits_the_nearest_miss_is_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["fit", "--gpu", "4070ti", "--model", "llama-2-7b", "--method", "full", "--time", "1d"]
    assert run([*asked, "--explain", "-o", "json"]) == 5
    data = json.loads(capsys.readouterr().out)
    assert data["misses"][0]["explanation"]
