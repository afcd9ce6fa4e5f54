"""Whatever is typed, the answer is an answer or one sentence, and it comes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from gptbudget.cli.main import application
from tests.edges.outcome import ANSWER, USAGE, assert_an_answer_or_a_sentence, cases

PROGRAM: Any = typer.main.get_command(application([]))
COMMANDS: dict[tuple[str, ...], Any] = {
    **{(name,): command for name, command in PROGRAM.commands.items() if name != "catalog"},
    **{("catalog", name): each for name, each in PROGRAM.commands["catalog"].commands.items()},
}
SLOW = [("fit",), ("validate",)]
QUICK = sorted(set(COMMANDS) - set(SLOW))

GPUS = ["4070ti", "rtx-4090", "v100", "a100", "h100", "tpu-v4"]
MODELS = ["gpt2", "gpt2-xl", "opt-350m", "llama-2-7b", "mixtral-8x7b", "deepseek-v3"]
WHOLE = ["1", "2", "3", "4", "8", "16", "64", "1k", "12288", "1e12", "7"]
NUMBERS = ["0", "0.1", "0.5", "1", "1.5", "2", "100", "40%", "100%", "1e-40", "1e9", "1e40"]
TYPICAL = {
    "NAME": [*GPUS, "my-card", "one"],
    "NAME|SIZE": [*MODELS, *MODELS, "1.5B", "1e40", "1", "./config.json", "nowhere.json"],
    "N": WHOLE,
    "N|N..N": ["1", "2", "8", "1..4", "6..7", "4..1", "..", "1..", "100..102"],
    "SIZE": ["1GiB", "24GiB", "0", "1e40GB", "1e-40KiB", "40GB", "500MB"],
    "TIME": ["1y", "30d", "12h", "1ms", "1e40y", "1e-37s"],
    "COUNT": ["10B", "1.5e9", "300", "20x", "1e40", "1", "1e22", "0.001x"],
    "RATE": ["98000", "1e40", "1", "3600"],
    "USD": NUMBERS,
    "W": NUMBERS,
    "G|NAME": ["germany", "world", "0", "300", "1e40"],
    "full|lora|qlora|frozen:K": ["full", "lora", "qlora", "frozen:1", "frozen:0", "frozen:999"],
    "PATH": ["file.yaml", ".", "nowhere"],
    "FILE": ["scenario.yaml", "runs.yaml", ".", "nowhere"],
    "[FILE]...": ["file.yaml", "nowhere"],
    "[NAME]": [*GPUS, *MODELS, "./config.json"],
}
JUNK = [
    *(
        "",
        " ",
        "-",
        "--",
        "-1",
        "-x",
        "--gpu",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "1e-999",
        "1,5",
        "0x10",
    ),
    *(
        "\x00",
        "\n",
        "\t8",
        "\u0663",
        "\udcff",
        "\U0001f600",
        "\u202e",
        "a" * 3000,
        "9" * 5000,
        "%s",
    ),
    *("../..", "/", "/dev/null", "/dev/zero", "C:\\", "~", "all", "all,all", "[red]", "{}", "null"),
]


def _values(option: Any) -> st.SearchStrategy[str]:
    """Values for an option: nearly always such as its help names."""
    metavar = str(option.metavar or "")
    typical = TYPICAL.get(metavar, metavar.split("|") if "|" in metavar else NUMBERS)
    junk = st.one_of(st.sampled_from(JUNK), st.text(max_size=5), st.sampled_from(WHOLE))
    return st.integers(0, 24).flatmap(lambda odd: junk if odd == 0 else st.sampled_from(typical))


def _words(draw: Any, command: tuple[str, ...], most: int) -> list[str]:
    """A command line of ``command``."""
    parameters = [each for each in COMMANDS[command].params if each.name != "help"]
    options = {each.name: each for each in parameters if each.opts[0].startswith("-")}
    places = [each for each in parameters if not each.opts[0].startswith("-")]
    several = st.lists(st.sampled_from(sorted(options)), max_size=most, unique=True)
    chosen = draw(several) if options else []
    usual = {"gpu", "model"} & set(options) if draw(st.integers(0, 9)) else set()
    words: list[str] = []
    for name in (*sorted(usual - set(chosen)), *chosen):
        option = options[name]
        words.append(draw(st.sampled_from([*option.opts, *option.secondary_opts])))
        if not option.is_flag:
            words.append(draw(_values(option)))
    for place in places:
        words += draw(st.lists(_values(place), max_size=1))
    if draw(st.integers(0, 30)) == 0:
        words.insert(draw(st.integers(0, len(words))), draw(st.sampled_from(JUNK)))
    return words


@cases(400)
@given(data=st.data())
def test_command_lines(files: Path, data: st.DataObject) -> None:  # noqa: ARG001
    command = data.draw(st.sampled_from(QUICK))

    assert_an_answer_or_a_sentence(*command, *_words(data.draw, command, most=7))


@cases(12)
@given(data=st.data())
def test_command_lines_of_fit(files: Path, data: st.DataObject) -> None:  # noqa: ARG001
    assert_an_answer_or_a_sentence("fit", *_words(data.draw, ("fit",), most=6))


@cases(30)
@given(data=st.data())
def test_command_lines_of_validate(files: Path, data: st.DataObject) -> None:  # noqa: ARG001
    own = data.draw(st.sampled_from([("--runs", "runs.yaml"), ("--cross",), ("--run", "one")]))

    assert_an_answer_or_a_sentence("validate", *own, *_words(data.draw, ("validate",), most=3))


@cases(60)
@given(words=st.lists(st.one_of(st.sampled_from(JUNK), st.text(max_size=6)), max_size=4))
def test_words_that_are_no_command(files: Path, words: list[str]) -> None:  # noqa: ARG001
    if words:
        assert_an_answer_or_a_sentence(*words)


@pytest.mark.parametrize("command", [(), *COMMANDS, ("catalog",)], ids=" ".join)
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    assert assert_an_answer_or_a_sentence(*command, "--help") == ANSWER


@pytest.mark.skipif(os.name == "nt", reason="there, names are Unicode")
@pytest.mark.parametrize("fmt", ["table", "json", "csv", "markdown"])
def test_a_folder_whose_name_is_no_text(files: Path, fmt: str) -> None:
    folder = files / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "config.json").write_text((files / "config.json").read_text())
    run = ("--gpu", "4070ti", "--model", f"{folder}/")

    assert assert_an_answer_or_a_sentence("models", f"{folder}/config.json", "-o", fmt) == ANSWER
    assert assert_an_answer_or_a_sentence("compare", *run, "-o", fmt) == USAGE


ODD_SURROUNDINGS = {
    "COLUMNS": ["0", "-5", "1", "7", "\u00b2", "1e3", "100000", "9" * 5000, "all"],
    "GPTBUDGET_CATALOG": ["~nobody-here/x", "~", "nowhere", "\udcff", "file.yaml", "config.json"],
    "GPTBUDGET_PROFILES": ["~nobody-here/x", "nowhere", "\udcff", "file.yaml", "/dev/null/x"],
    "XDG_CONFIG_HOME": ["", "~nobody-here", "file.yaml", "\udcff"],
    "NO_COLOR": ["", "1"],
    "TERM": ["", "junk"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, all_ in ODD_SURROUNDINGS.items() for value in all_]
)
def test_an_odd_environment(
    files: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    run = ("--gpu", "4070ti", "--model", "gpt2")

    for words in (
        ("compare", *run),
        ("memory", *run, "-o", "markdown"),
        ("gpus",),
        ("catalog", "path"),
        ("calibrate", *run, "--tokens-per-s", "50000"),
        ("calibrate", "--list"),
    ):
        assert_an_answer_or_a_sentence(*words)
    assert (files / "file.yaml").is_file()
