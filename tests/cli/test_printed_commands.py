"""Printed commands are commands: whole, and with the catalogs that the question named."""

from __future__ import annotations

import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import Cli

QUESTIONS = {
    "remedies": "compare --gpu 4070ti --model gpt2-xl",
    "memory": "memory --gpu 4070ti --model gpt2-xl",
    "ways": "fit --gpu 4070ti --model gpt2 --top 3",
    "no way": "fit --gpu 4070ti --model gpt2 --time 1h",
    "shapes": (
        "plan --gpu 4070ti --time 1y --recipe master --checkpointing full --loss fused "
        "--micro-batch 1"
    ),
    "counts": "plan --gpu a100 --model gpt2-xl --time 1d",
}

EXAMPLES = {
    name: import_module(f"gptbudget.cli.{name}").EPILOG.removeprefix("Example: ")
    for name in ("compare", "memory", "fit", "plan", "gpus", "models", "validate", "calibrate")
}


def test_printed_commands_name_the_catalogs_again(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "my lab.yaml"
    file.write_text(
        "gpus:\n  lab-card:\n    memory_gib: 24\n    memory_bandwidth_gb_per_s: 900\n"
        "    peak_tflops: {bf16: 150}\n"
    )
    asked = ("--gpu", "lab-card", "--model", "llama-2-7b", "--catalog", str(file))
    remedy = cli("compare", *asked, "--method", "lora", "-o", "json").json["results"][0]["remedies"]
    best = cli("fit", *asked, "-o", "json").json["results"][0]

    for printed in (*(each["command"] for each in remedy), best["command"]):
        program, *words = shlex.split(printed)
        again = cli(*words, "-o", "json")
        assert (program, again.code, again.err) == ("gptbudget", 0, "")
        assert again.json["results"][0]["memory"]["fits"]


def commands(printed: str) -> list[str]:
    """The lines with a command."""
    return [line for line in printed.splitlines() if "gptbudget " in line]


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("columns", ["20", "40", "100"])
def test_a_command_is_on_one_line_in_a_terminal_of_any_width(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, question: str, columns: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    piped = cli(*question.split()).out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = cli(*question.split()).out

    assert len(commands(piped)) >= 1
    assert commands(shown) == commands(piped)
    assert "\u2026" not in shown
    for line in commands(shown):
        program, *words = shlex.split(line[line.index("gptbudget ") :])
        assert (program, bool(words)) == ("gptbudget", True)


def test_other_sentences_are_folded_in_a_terminal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = cli(*QUESTIONS["remedies"].split()).out.splitlines()

    assert max(len(line) for line in lines if "gptbudget " not in line) <= 70


@pytest.mark.parametrize("command", EXAMPLES)
@pytest.mark.parametrize("columns", ["20", "40"])
def test_the_example_of_a_help_is_on_one_line(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    page = cli(command, "--help").out

    assert page.splitlines()[-2:] == ["Example", f"  {EXAMPLES[command]}"]
