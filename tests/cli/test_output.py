"""The same answer for people, programs and pipes: formats, widths, colours, exit codes."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from gptbudget import __version__
from gptbudget.render.output import write
from tests.conftest import Cli
from tests.measured import validated

COMPARE = ("compare", "--gpu", "4070ti", "--model", "gpt2-xl")
GRID = ("compare", "--gpu", "4070ti", "--gpu", "4090", "--model", "gpt2", "--model", "gpt2-xl")
ANSWERS = {
    "compare": COMPARE,
    "grid": GRID,
    "gpus": ("gpus",),
    "gpu": ("gpus", "4070ti"),
    "models": ("models",),
    "model": ("models", "gpt2-xl"),
    "path": ("catalog", "path"),
    "check": ("catalog", "check"),
}
HELPS = [
    (),
    ("compare",),
    ("gpus",),
    ("models",),
    ("catalog",),
    ("catalog", "check"),
    ("catalog", "path"),
    ("catalog", "schema"),
]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def leaves(part: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Every value of a JSON answer under its path joined by dots; lists count as one value."""
    if not isinstance(part, dict) or not part:
        return {".".join(path): part}
    return {k: v for key, value in part.items() for k, v in leaves(value, (*path, key)).items()}


@pytest.mark.parametrize("arguments", ANSWERS.values(), ids=ANSWERS)
def test_json_parses(cli: Cli, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments, "-o", "json")
    assert (result.code, result.err) == (0, "")
    assert isinstance(json.loads(result.out, parse_constant=pytest.fail), dict)


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [(COMPARE, "results"), (GRID, "results"), (("gpus",), "gpus"), (("models",), "models")],
    ids=["compare", "grid", "gpus", "models"],
)
def test_csv_headers_are_json_paths(cli: Cli, arguments: tuple[str, ...], rows: str) -> None:
    records = list(csv.DictReader(io.StringIO(cli(*arguments, "-o", "csv").out)))
    expected = [leaves(row) for row in cli(*arguments, "-o", "json").json[rows]]
    assert len(records) == len(expected)
    for record, row in zip(records, expected, strict=True):
        assert None not in record
        for path, value in row.items():
            if path in record:
                assert_same(record[path], value)
        assert {path for path, value in row.items() if value not in ({}, [], None)} <= set(record)


def assert_same(text: str, value: Any) -> None:
    """Unknown is empty, and a number is as exact as in JSON."""
    if value is None:
        assert text == ""
    elif isinstance(value, bool):
        assert text == str(value).lower()
    elif isinstance(value, int | float):
        assert float(text) == value
    elif isinstance(value, str):
        assert text == value


@pytest.mark.parametrize("arguments", ANSWERS.values(), ids=ANSWERS)
def test_markdown_tables_are_even(cli: Cli, arguments: tuple[str, ...]) -> None:
    """Each table has one ruler, and as many cells in every row."""
    result = cli(*arguments, "-o", "markdown")
    assert result.code == 0
    for block in result.out.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
        assert len(widths) <= 1, block
        assert not rows or set(rows[1]) <= set("|-: ")


@pytest.mark.parametrize("arguments", ANSWERS.values(), ids=ANSWERS)
def test_no_escape_codes_without_a_terminal(
    cli: Cli, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    result = cli(*arguments)
    assert (result.code, result.err) == (0, "")
    assert "\x1b" not in result.out
    assert not any(line.endswith(" ") for line in result.out.splitlines())


def test_a_pipe_gets_the_verdict_on_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    first = cli(*COMPARE).out.partition("\n")[0]
    assert "compute suffices, memory does not" in first
    assert first.endswith(".")


# --- in a real terminal -----------------------------------------------------------------------


def in_terminal(columns: int, *arguments: str, **environment: str) -> str:
    """What a terminal of that width is sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    plain = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "NO_COLOR", "TERM"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "gptbudget", *arguments],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**plain, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    sent = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        sent += part
    os.close(ours)
    assert process.communicate()[1] == b""
    assert process.returncode == 0
    return sent.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [40, 200])
@pytest.mark.parametrize(
    "arguments",
    [COMPARE, ("gpus",), ("gpus", "4070ti")],
    ids=["compare", "gpus", "gpu"],
)
def test_no_line_is_wider_than_the_terminal(columns: int, arguments: tuple[str, ...]) -> None:
    """A command alone is not folded, so that it can be copied."""
    lines = ESCAPE.sub("", in_terminal(columns, *arguments)).splitlines()
    assert max(len(line) for line in lines if "gptbudget compare" not in line) <= columns


def test_a_terminal_gets_styles() -> None:
    assert ESCAPE.search(in_terminal(80, *COMPARE))


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["no", "dumb"])
def test_a_terminal_that_wants_none_gets_none(variable: dict[str, str]) -> None:
    assert "\x1b" not in in_terminal(80, *COMPARE, **variable)


# --- in a shell -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("gpus | head -1", 0),
        ("gpus -o json | true", 0),
        ("--help | true", 0),
        ("compare --gpu 4070ti --model gpt2-xl --check -o json | true", 5),
    ],
    ids=["first-line", "nothing-read", "help", "the-answer-is-still-no"],
)
def test_a_closed_pipe_is_no_error(command: str, status: int) -> None:
    """The status is that of our end of the pipe."""
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m gptbudget {command}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, "")


def test_a_full_disk_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gptbudget", "gpus"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("gptbudget: error: the answer cannot be written: No space left")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--model", "gpt2"), 0),
        (("--model", "gpt2-xl"), 5),
        (("--model", "gpt2", "--model", "gpt2-xl"), 5),
        (("--model", "1.5B", "--utilization", "40%"), 5),
        (("--model", "gpt2", "--time", "1h"), 5),
    ],
    ids=["yes", "memory-no", "one-row-no", "memory-unknown", "time-no"],
)
def test_check_decides_by_exit_code(cli: Cli, arguments: tuple[str, ...], code: int) -> None:
    """The answer is the same with and without --check."""
    command = ("compare", "--gpu", "4070ti", *arguments)
    asked, plain = cli(*command, "--check"), cli(*command)
    assert (asked.code, plain.code) == (code, 0)
    assert (asked.out, asked.err) == (plain.out, "")


# --- the help ---------------------------------------------------------------------------------


def test_version(cli: Cli) -> None:
    assert (cli("--version").code, cli("--version").out) == (0, f"gptbudget {__version__}\n")


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """So wide that no help text is folded."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TERMINAL_WIDTH", "400")


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("command", HELPS, ids=" ".join)
def test_every_help_gives_an_example(cli: Cli, command: tuple[str, ...]) -> None:
    result = cli(*command, "--help")
    assert (result.code, result.err) == (0, "")
    assert " ".join(("Usage: gptbudget", *command)) in result.out
    if command not in {(), ("catalog",)}:
        assert " ".join(("Example\n  gptbudget", *command)) in result.out


NUMBER = re.compile(r"(?<=[ ])[-+]?[0-9][0-9.,]*%?(?!\S)")  # a folded name is at the left edge


@pytest.mark.parametrize("command", ["gpus", "models", "validate"])
def test_no_number_is_broken(
    cli: Cli,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    def shown(columns: int) -> set[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        if command != "validate":
            return set(NUMBER.findall(cli(command).out))
        write(validated(), "table")
        return set(NUMBER.findall(capsys.readouterr().out))

    whole = shown(1000)
    assert len(whole) > 20
    for columns in (40, 64, 80, 100, 200):
        assert shown(columns) <= whole
