"""``--help`` is a page of a manual: whole words at every width, choices, defaults, an example."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from gptbudget.catalog.index import default_stacks, stack_names
from gptbudget.specs.options import OPTIONS
from tests.conftest import Cli

COMMANDS = ("compare", "memory", "fit", "plan", "gpus", "models", "validate", "calibrate")
PAGES = ("", *COMMANDS, "catalog", "catalog check", "catalog path", "catalog schema")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("command", PAGES)
def test_nothing_is_cut_and_nothing_is_too_wide(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    answer = cli(*command.split(), "--help")
    body, _, example = answer.out.partition("Example\n")
    assert (answer.code, answer.err) == (0, "")
    assert "…" not in body
    assert max(map(len, body.splitlines())) <= width
    assert example.startswith("  gptbudget ")
    assert len(example.splitlines()) == 1


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_name_choice_description_and_default_is_there(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    page = cli("compare", "--help").out
    words = " ".join(page.split()).replace("| ", "|")
    for name, option in OPTIONS.items():
        assert f"--{name.replace('_', '-')}" in words
        takes = "|".join(stack_names()) if name == "stack" else option.takes
        default = option.default.format(**default_stacks())
        shown = f" [default: {default}]" if default else ""
        assert f"{takes} {option.help}{shown}".strip() in words
    for title in ("Hardware", "Job", "Recipe", "Method", "Layout", "Assumptions", "Output"):
        assert f"\n{title}\n" in page


def test_topics_stand_in_order_and_what_all_commands_have_last(cli: Cli) -> None:
    page = cli("fit", "--help").out
    titles = [line for line in page.splitlines() if line.istitle() and " " not in line]
    assert titles[:3] == ["Hardware", "Job", "Recipe"]
    assert titles[-2:] == ["Options", "Example"]


def test_the_first_page_lists_the_commands(cli: Cli) -> None:
    page = cli("--help").out
    assert [f"\n  {name} " in page for name in (*COMMANDS, "catalog")] == [True] * 9
    assert "--install-completion" in page


@pytest.mark.parametrize("command", [page for page in PAGES if page])
def test_the_example_works(
    cli: Cli, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my-gpus.yaml").write_text("gpus:\n  mine:\n    peak_tflops: {bf16: 100}\n")
    example = cli(*command.split(), "--help").out.partition("Example\n")[2]
    words = shlex.split(example.partition(">")[0])
    assert words[: 1 + len(command.split())] == ["gptbudget", *command.split()]
    answer = cli(*words[1:])
    assert answer.err == ""
    assert answer.out
