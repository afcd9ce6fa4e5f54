"""Whatever is typed or written wrongly is one line that says what, where and what to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gptbudget.catalog import catalog as catalog_module
from tests.conftest import Cli, Result

USAGE, NAME, FILE = 2, 3, 4

GPU = ("compare", "--gpu", "4070ti")
PAIR = (*GPU, "--model", "gpt2")

CARD = """\
gpus:
  my-card:
    peak_tflops: {fp32: 10, bf16: 20}
    memory_gib: 12
"""
MODEL = """\
models:
  my-model:
    architecture: gpt2
    layers: 2
    width: 64
    vocabulary: 100
    context: 128
    attention: {heads: 4}
"""
QUESTION = """\
question: does it fit?
gpu: 4070ti
model: gpt2
"""


def assert_one_line(result: Result, code: int, *parts: str) -> None:
    """The promise: the code, nothing on stdout, and one sentence: what; what to do."""
    assert (result.code, result.out) == (code, "")
    assert re.fullmatch(r"gptbudget: error: [^\n]+; [^\n]+\n", result.err), result.err
    for leaked in ("Traceback", "this is a bug", "nput should", "tring should", "alue error"):
        assert leaked not in result.err
    for part in parts:
        assert part in result.err


# --- what is typed ------------------------------------------------------------------------

NAMES = {
    "misspelt-gpu": (("--gpu", "4071ti", "--model", "gpt2"), ("'4071ti'", "rtx-4070-ti")),
    "ambiguous-gpu": (
        ("--gpu", "v100", "--model", "gpt2"),
        ("'v100' is ambiguous", "v100-pcie-16gb", "v100-sxm-32gb", "name one"),
    ),
    "gpu-like-no-other": (("--gpu", "zzzzqqqq", "--model", "gpt2"), ("gptbudget gpus",)),
    "gpu-of-punctuation": (("--gpu", "---", "--model", "gpt2"), ("'---'", "gptbudget gpus")),
    "misspelt-model": (("--gpu", "4070ti", "--model", "gpt2-xxl"), ("'gpt2-xxl'", "gpt2-xl")),
    "ambiguous-model": (
        ("--gpu", "4070ti", "--model", "llama"),
        ("'llama' is ambiguous", "llama-2-7b", "llama-3-8b"),
    ),
    "model-like-no-other": (("--gpu", "4070ti", "--model", "!!!"), ("gptbudget models",)),
}


@pytest.mark.parametrize(("arguments", "parts"), NAMES.values(), ids=NAMES)
def test_names(cli: Cli, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert_one_line(cli("compare", *arguments), NAME, *parts)


@pytest.mark.parametrize("command", ["gpus", "models"])
def test_names_of_the_listings(cli: Cli, command: str) -> None:
    assert_one_line(cli(command, "no-such-thing"), NAME, "'no-such-thing'", f"gptbudget {command}")


VALUES = {
    "negative": ("--tokens", "-5", ("'-5'", "greater than zero")),
    "nan": ("--tokens", "nan", ("'nan' is not a number of tokens", "10B or 20x")),
    "infinite": ("--tokens", "inf", ("'inf' is not a number of tokens",)),
    "overflowing": ("--tokens", "1e999", ("'1e999' is too large", "at most 1e40")),
    "underflowing": ("--tokens", "1e-300", ("'1e-300' is too small", "at least 1e-40")),
    "zero": ("--tokens", "0", ("'0'", "greater than zero")),
    "unknown-unit": ("--tokens", "10X", ("'10X' ends in 'X'", "k, K, M, B, G, T, P")),
    "decimal-comma": ("--tokens", "1,5B", ("'1,5B'", "a decimal point, not a comma")),
    "empty": ("--tokens", "", ("''", "10B or 20x")),
    "blank": ("--tokens", " ", ("' '", "10B or 20x")),
    "underscore": ("--tokens", "1_000", ("'1_000' ends in '_000'",)),
    "hexadecimal": ("--tokens", "0x10", ("'0x10' ends in 'x10'",)),
    "foreign-digit": ("--tokens", "٣", ("'٣' is not a number of tokens",)),
    "ratio-without-number": ("--tokens", "x", ("'x' is not a number of tokens",)),
    "negative-ratio": ("--tokens", "-3x", ("'-3x'", "greater than zero")),
    "utilization-over-one": ("--utilization", "150%", ("'150%' is more than 100%", "40% or 0.4")),
    "utilization-zero": ("--utilization", "0", ("'0'", "greater than zero")),
    "utilization-empty": ("--utilization", "", ("''", "40% or 0.4")),
    "time-without-unit": ("--time", "90", ("'90' has no unit", "1y, 90d or 12h")),
    "time-with-exponent-but-no-unit": ("--time", "1e5", ("'1e5' has no unit",)),
    "memory-without-unit": ("--reserve", "12", ("'12' has no unit", "80GiB or 40GB")),
    "half-a-gpu": ("--gpus", "1.5", ("'1.5' is not a whole number", "8 or 1024")),
    "dropout-one": ("--dropout", "1", ("out of range", "less than 1")),
    "unknown-precision": ("--precision", "bf17", ("'bf17' is not known", "fp32, tf32, bf16")),
    "unknown-stack": ("--stack", "torch", ("'torch' is not known", "megatron-2021, compiled")),
    "unknown-grid": ("--grid", "mars", ("'mars' is not a grid", "germany, world")),
    "empty-grid": ("--grid", "", ("--grid: is empty",)),
    "format-xml": ("--format", "xml", ("'xml' is not a format", "table, json, csv, markdown")),
    "beyond-learned-positions": ("--seq-len", "2048", ("2048", "at most 1024")),
    "reserve-takes-all": ("--reserve", "20GiB", ("--reserve", "11.70 GiB", "lower it")),
}


@pytest.mark.parametrize(("option", "value", "parts"), VALUES.values(), ids=VALUES)
def test_values(cli: Cli, option: str, value: str, parts: tuple[str, ...]) -> None:
    assert_one_line(cli(*PAIR, option, value), USAGE, option, *parts)


SIZES = {
    "unknown-unit": ("1.5X", ("'1.5X' ends in 'X'",)),
    "decimal-comma": ("1,5B", ("a decimal point, not a comma",)),
    "negative": ("-5B", ("greater than zero",)),
    "overflowing": ("1e999", ("too large",)),
    "empty": ("", ("--model: is empty",)),
    "no-utilization": ("1.5B", ("a bare size has no shape", "--utilization 40%")),
}


@pytest.mark.parametrize(("size", "parts"), SIZES.values(), ids=SIZES)
def test_sizes_in_place_of_a_model(cli: Cli, size: str, parts: tuple[str, ...]) -> None:
    assert_one_line(cli(*GPU, "--model", size), USAGE, *parts)


# Turing, Volta and Pascal have no bf16 units: PyTorch only emulates it there.
@pytest.mark.parametrize("gpu", ["rtx-2080-ti", "v100-sxm-32gb", "t4", "titan-rtx", "1080ti"])
def test_bf16_on_a_card_without_it(cli: Cli, gpu: str) -> None:
    result = cli("compare", "--gpu", gpu, "--model", "gpt2", "--precision", "bf16")
    assert_one_line(result, USAGE, "has no bf16 peak", "it has fp32")


COMBINATIONS = {
    "no-gpu": (("compare", "--model", "gpt2"), ("--gpu is missing", "--gpu 4070ti")),
    "no-model": (GPU, ("--model is missing", "--flops")),
    "flops-and-model": ((*PAIR, "--flops", "1e21"), ("--flops", "--model", "one of them")),
    "flops-without-utilization": ((*GPU, "--flops", "1e21"), ("--utilization 40%",)),
    "tokens-and-data": (
        (*PAIR, "--tokens", "1B", "--data", "4GB"),
        ("--tokens and --data", "one of them"),
    ),
    "flash-in-fp32": (
        (*PAIR, "--attention", "flash", "--precision", "fp32"),
        ("flash", "fp32", "--attention efficient"),
    ),
    "pure-in-fp32": (
        (*PAIR, "--recipe", "pure", "--precision", "fp32"),
        ("--recipe pure", "fp32"),
    ),
    "implementation-that-is-not": (
        (*PAIR, "--optimizer", "lion", "--optimizer-impl", "loop"),
        ("--optimizer-impl loop", "lion", "drop it"),
    ),
    "unknown-option": ((*PAIR, "--tokns", "5"), ("--tokns", "did you mean --tokens")),
    "option-without-value": ((*PAIR, "--tokens"), ("'--tokens' requires an argument",)),
    "unknown-command": (("comparr",), ("'comparr'", "did you mean 'compare'?")),
    "unknown-subcommand": (("catalog", "frob"), ("'frob'", "see gptbudget catalog --help")),
    "one-argument-too-many": (("gpus", "a", "b"), ("(b)", "see gptbudget gpus --help")),
    "seq-len-of-no-model": (("models", "--seq-len", "5"), ("--seq-len needs a model",)),
    "seq-len-beyond-positions": (
        ("models", "gpt2", "--seq-len", "2048"),
        ("2048", "at most 1024"),
    ),
}


@pytest.mark.parametrize(("arguments", "parts"), COMBINATIONS.values(), ids=COMBINATIONS)
def test_combinations(cli: Cli, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert_one_line(cli(*arguments), USAGE, *parts)


# --- what a catalog file holds --------------------------------------------------------------

LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\ngpus: [*c, *c]\n"

CATALOGS: dict[str, tuple[str | bytes, int, tuple[str, ...]]] = {
    "empty": ("", 1, ("is empty", "gpus: or models:")),
    "only-a-comment": ("# nothing yet\n", 1, ("is empty",)),
    "no-entries": ("gpus:\n", 1, ("has no entries",)),
    "a-list": ("- gpus\n", 1, ("is not a mapping",)),
    "list-of-gpus": ("gpus: [1, 2]\n", 1, ("gpus: entries by name belong here",)),
    "unknown-section": ("gpu:\n  a: 1\n", 1, ("gpu: unknown key",)),
    "duplicate-key": (
        CARD + "    memory_gib: 24\n",
        5,
        ("'memory_gib' is given twice", "line 4"),
    ),
    "duplicate-entry": (CARD + CARD.removeprefix("gpus:\n"), 5, ("'my-card' is given twice",)),
    "unknown-key": (CARD + "    memmory_gib: 3\n", 5, ("did you mean 'memory_gib'?",)),
    "unknown-nested-key": (
        "gpus:\n  a:\n    peak_tflops: {fp33: 1}\n",
        3,
        ("gpus.a.peak_tflops.fp33", "did you mean 'fp32'?"),
    ),
    "text-for-a-mapping": ("gpus:\n  a: hello\n", 2, ("a mapping of keys to values", "'hello'")),
    "nothing-for-a-mapping": ("gpus:\n  a:\n", 2, ("a mapping of keys to values", "nothing")),
    "text-for-a-list": (CARD + "    aliases: mine\n", 5, ("a list belongs here", "[mine]")),
    "number-for-text": (CARD + "    released: 2023\n", 5, ("text belongs here", "quotes: '2023'")),
    "bad-date": (
        CARD + "    released: soon\n",
        5,
        ("a date belongs here, not 'soon'", "'2023-01'"),
    ),
    "unknown-word": (CARD + "    segment: gamer\n", 5, ("'gamer' is not known", "consumer")),
    "missing-key": ("gpus:\n  a:\n    name: A\n", 2, ("gpus.a.peak_tflops: is missing",)),
    "alias-of-another": (
        CARD + "    aliases: [RTX 4070 Ti]\n",
        5,
        ("'RTX 4070 Ti' already belongs to 'rtx-4070-ti'", "choose another"),
    ),
    "alias-is-a-size": (CARD + "    aliases: [1.5B]\n", 5, ("'1.5B' reads as a size",)),
    "alias-of-punctuation": (CARD + "    aliases: ['--']\n", 5, ("no letter or digit",)),
    "alias-all": (CARD + "    aliases: [all]\n", 5, ("stands for every accelerator",)),
    "billion-laughs": (LAUGHS, 1, ("anchors and aliases", "write the value out")),
    "anchored-number": (
        "gpus:\n  a:\n    peak_tflops: {fp32: &x 1, bf16: *x}\n",
        3,
        ("anchors and aliases",),
    ),
    "merge-key": ("gpus:\n  a:\n    <<: {name: A}\n", 3, ("merge keys",)),
    "python-object": (
        CARD + "    notes: !!python/object/apply:os.system ['true']\n",
        5,
        ("!!python/object/apply:os.system is not read",),
    ),
    "own-tag": (CARD + "    notes: !mine x\n", 5, ("the tag !mine is not read",)),
    "two-documents": (CARD + "---\n" + CARD, 5, ("another document",)),
    "not-yaml": ("gpus: {a: 1\n", 2, ("not valid YAML",)),
    "tabs": ("gpus:\n\ta: 1\n", 2, ("not valid YAML",)),
    "key-is-a-list": ("gpus:\n  ? [a, b]\n  : 1\n", 2, ("a key must be a plain word",)),
    "deep-flow": ("gpus: " + "[" * 100_000, 1, ("nested more than",)),
    "deep-block": ("- " * 100_000 + "a", 1, ("nested more than",)),
    "control-character": ("gpus:\n  a\x07: 1\n", 2, ("control characters",)),
    "binary-junk": (b"\x7fELF\x02\xff\xfe\x00\x81" * 50, 1, ("is not UTF-8 text",)),
    "latin-1": ("gpus:\n  a: {name: Größe}\n".encode("latin-1"), 2, ("is not UTF-8 text",)),
    "utf-16": (CARD.encode("utf-16"), 1, ("is not UTF-8 text",)),
}


@pytest.mark.parametrize(("content", "line", "parts"), CATALOGS.values(), ids=CATALOGS)
def test_catalogs(
    cli: Cli, tmp_path: Path, content: str | bytes, line: int, parts: tuple[str, ...]
) -> None:
    file = written(tmp_path, content)
    result = cli("gpus", "4070ti", "--catalog", str(file))
    assert_one_line(result, FILE, f"gptbudget: error: {file}:{line}: ", *parts)


def written(folder: Path, content: str | bytes) -> Path:
    file = folder / "mine.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


# What YAML 1.1 would turn into 90, 16, 8, false and 1000, and other things that are no number.
NO_NUMBERS = ["1:30", "0x10", "010", "no", "1_000", "'12'", ".inf", ".nan", "12 GiB", "true", "[1]"]


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize(("key", "kind"), [("memory_gib", "a number"), ("cores", "a whole number")])
def test_no_number(cli: Cli, tmp_path: Path, key: str, kind: str, text: str) -> None:
    file = written(tmp_path, f"gpus:\n  a:\n    peak_tflops: {{fp32: 1}}\n    {key}: {text}\n")
    result = cli("gpus", "a", "--catalog", str(file))
    assert_one_line(result, FILE, f"{file}:4: gpus.a.{key}: {kind} belongs here", "decimal number")


@pytest.mark.parametrize(
    ("text", "words"),
    [("0", "greater than zero"), ("-5", "greater than zero"), ("1e31", "at most 1e30")],
)
def test_number_out_of_range(cli: Cli, tmp_path: Path, text: str, words: str) -> None:
    file = written(tmp_path, f"gpus:\n  a:\n    peak_tflops: {{fp32: {text}}}\n")
    result = cli("gpus", "a", "--catalog", str(file))
    assert_one_line(result, FILE, f"{file}:3: gpus.a.peak_tflops.fp32", "out of range", words)


@pytest.mark.parametrize("text", ["1e12", "1E12", "1.0e+12", "1000000000000"])
def test_a_number_with_exponent_is_a_number(cli: Cli, tmp_path: Path, text: str) -> None:
    """PyYAML alone reads 1e12 as text; it counts as a whole number too."""
    file = written(tmp_path, f"gpus:\n  a:\n    peak_tflops: {{fp32: {text}}}\n    cores: {text}\n")
    found = cli("gpus", "a", "--catalog", str(file), "-o", "json").json
    assert (found["peak_tflops"]["fp32"], found["cores"]) == (10**12, 10**12)


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf" + CARD.encode(), CARD.replace("\n", "\r\n").encode()],
    ids=["byte-order-mark", "crlf"],
)
def test_what_editors_on_windows_write_is_fine(cli: Cli, tmp_path: Path, content: bytes) -> None:
    result = cli("gpus", "my-card", "--catalog", str(written(tmp_path, content)))
    assert (result.code, result.err) == (0, "")


MODELS: dict[str, tuple[str, str, int, tuple[str, ...]]] = {
    "unknown-architecture": ("gpt2", "gpt9", 3, ("'gpt9' is not known", "gpt2, ")),
    "architecture-of-the-wrong-type": ("gpt2", "{a: 1}", 3, ("a mapping is not known", "gpt2, ")),
    "missing-architecture": ("    architecture: gpt2\n", "", 2, ("is missing", "gpt2, ")),
    "heads-do-not-divide-width": ("heads: 4", "heads: 5", 2, ("width 64", "attention.heads 5")),
    "kv-heads-do-not-divide-heads": (
        "heads: 4",
        "heads: 4, kv_heads: 3",
        2,
        ("attention.heads 4", "attention.kv_heads 3"),
    ),
    "misspelt-nested-key": ("heads: 4", "heads: 4, kv_head: 2", 8, ("did you mean 'kv_heads'?",)),
    "number-in-words": ("width: 64", "width: sixty", 5, ("a whole number", "'sixty'")),
    "zero-layers": ("layers: 2", "layers: 0", 4, ("0 is out of range", "at least 1")),
    "name-is-a-size": ("  my-model:", "  1.5B:", 2, ("'1.5B' reads as a size",)),
    "name-is-a-number": ("  my-model:", "  '4090':", 2, ("'4090' reads as a size",)),
}


@pytest.mark.parametrize(("good", "bad", "line", "parts"), MODELS.values(), ids=MODELS)
def test_models(
    cli: Cli, tmp_path: Path, good: str, bad: str, line: int, parts: tuple[str, ...]
) -> None:
    file = written(tmp_path, MODEL.replace(good, bad, 1))
    result = cli("models", "gpt2", "--catalog", str(file))
    assert_one_line(result, FILE, f"{file}:{line}: models.", *parts)


def test_shipped_entry_without_sources(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's file may leave sources out; of a shipped one they are demanded."""
    file = written(tmp_path, CARD)
    monkeypatch.setattr(catalog_module, "shipped_files", lambda: (file,))
    result = cli("gpus", "my-card", "--catalog", str(file))
    assert_one_line(result, FILE, f"{file}:2: gpus.my-card.sources: is missing", "cite a URL")


# --- where files are looked for -------------------------------------------------------------


@pytest.mark.parametrize("option", ["--catalog", "--config"])
@pytest.mark.parametrize(
    "path",
    ["/no/such/file.yaml", "/etc/passwd/below-a-file", "/dev/zero"],
    ids=["missing", "unreadable", "device"],
)
def test_paths(cli: Cli, option: str, path: str) -> None:
    assert_one_line(cli(*PAIR, option, path), FILE, path)


def test_a_pipe_that_nobody_fills_does_not_hang(cli: Cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    result = cli(*PAIR, "--config", str(tmp_path / "pipe.yaml"))
    assert_one_line(result, FILE, "pipe.yaml:1: is not a scenario")


def test_a_folder_for_a_scenario(cli: Cli, tmp_path: Path) -> None:
    assert_one_line(cli(*PAIR, "--config", str(tmp_path)), FILE, f"{tmp_path}: is a folder")


def test_a_folder_without_a_catalog(cli: Cli, tmp_path: Path) -> None:
    assert_one_line(cli("gpus", "--catalog", str(tmp_path)), FILE, "holds no .yaml file")


def test_a_folder_named_like_a_catalog(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").mkdir()
    result = cli("gpus", "--catalog", str(tmp_path))
    assert_one_line(result, FILE, "mine.yaml: is a folder", "name a YAML file")


def test_a_file_that_may_not_be_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulated, since file modes do not hold root back."""
    file, real = written(tmp_path, CARD), os.open

    def refusing(path: Path, *arguments: int) -> int:
        if path == file:
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments)

    monkeypatch.setattr(os, "open", refusing)
    result = cli("gpus", "--catalog", str(file))
    assert_one_line(result, FILE, f"{file}: cannot be read (permission denied)")


def test_a_file_too_large_to_be_one(cli: Cli, tmp_path: Path) -> None:
    file = written(tmp_path, b"#" * 5_000_000)
    assert_one_line(cli("gpus", "--catalog", str(file)), FILE, "larger than 4 MB")


def test_the_variable_names_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTBUDGET_CATALOG", "/no/such/folder")
    assert_one_line(cli("gpus"), FILE, "/no/such/folder", "$GPTBUDGET_CATALOG must name")


# --- what a scenario holds ------------------------------------------------------------------

SCENARIOS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "empty": ("", 1, ("is not a scenario", "question:")),
    "a-list": ("- a\n", 1, ("is not a scenario",)),
    "no-question": (QUESTION.partition("\n")[2], 1, ("question: is missing",)),
    "misspelt-field": (QUESTION + "tokns: 5\n", 4, ("tokns: unknown key", "'tokens'")),
    "dash-in-a-field": (QUESTION + "seq-len: 5\n", 4, ("did you mean 'seq_len'?",)),
    "unknown-unit": (QUESTION + "tokens: 10X\n", 4, ("'10X' ends in 'X'",)),
    "negative": (QUESTION + "tokens: -5\n", 4, ("-5", "greater than zero")),
    "underscore": (QUESTION + "tokens: 1_000\n", 4, ("'1_000' ends in '_000'",)),
    "utilization-over-one": (QUESTION + "utilization: 150%\n", 4, ("'150%' is more than 100%",)),
    "time-without-unit": (QUESTION + "time: 90\n", 4, ("'90' has no unit", "90d")),
    "memory-without-unit": (QUESTION + "gpu_memory: 12\n", 4, ("'12' has no unit", "80GiB")),
    "unknown-precision": (QUESTION + "precision: bf17\n", 4, ("'bf17' is not known",)),
    "number-for-a-name": (QUESTION.replace("4070ti", "4070"), 2, ("quotes, '4070'",)),
    "no-gpu-in-the-list": (QUESTION.replace("4070ti", "[]"), 2, ("gpu: is empty",)),
    "no-for-a-switch": (QUESTION + "keep_logits: no\n", 4, ("true or false belongs here",)),
    "requirement-misspelt": (QUESTION + "require: {fit: true}\n", 4, ("'fits'",)),
    "requirement-without-unit": (QUESTION + "require: {max_wall_clock: 5}\n", 4, ("no unit",)),
    "expectation-without-value": (QUESTION + "expect: [{key: a}]\n", 4, ("expect.0.value",)),
    "duplicate-field": (QUESTION + "gpu: v100\n", 4, ("'gpu' is given twice", "line 2")),
    "python-object": ("!!python/object:os.system {}\n", 1, ("!!python/object:os.system",)),
    "merge-key": (QUESTION + "<<: {tokens: 5}\n", 4, ("merge keys",)),
    "two-documents": (QUESTION + "---\n" + QUESTION, 4, ("another document",)),
}


@pytest.mark.parametrize(("content", "line", "parts"), SCENARIOS.values(), ids=SCENARIOS)
def test_scenarios(
    cli: Cli, tmp_path: Path, content: str, line: int, parts: tuple[str, ...]
) -> None:
    file = written(tmp_path, content)
    assert_one_line(cli("compare", "--config", str(file)), FILE, f"{file}:{line}: ", *parts)


def test_unknown_names_in_a_scenario_are_names(cli: Cli, tmp_path: Path) -> None:
    file = written(tmp_path, QUESTION.replace("4070ti", "4071ti"))
    line = 1 + QUESTION[: QUESTION.index("4070ti")].count("\n")
    where = f"{file}:{line}: gpu: no accelerator is called '4071ti'"
    assert_one_line(cli("compare", "--config", str(file)), NAME, where)


def test_an_unknown_grid_in_a_scenario_says_where(cli: Cli, tmp_path: Path) -> None:
    file = written(tmp_path, QUESTION + "grid: atlantis\n")
    line = 1 + QUESTION.count("\n")
    where = f"{file}:{line}: grid: 'atlantis' is not a grid"
    assert_one_line(cli("compare", "--config", str(file)), USAGE, where)


# --- the program itself -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("compare", "--gpu", "4070ti", "--model", "gpt2", "--tokens", "-5"), USAGE),
        (("compare", "--gpu", "4071ti", "--model", "gpt2"), NAME),
        (("gpus", "--catalog", "/no/such/file"), FILE),
        (("frobnicate",), USAGE),
    ],
    ids=["value", "name", "file", "command"],
)
def test_exit_codes_of_the_process(arguments: tuple[str, ...], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gptbudget", *arguments], capture_output=True, text=True, check=False
    )
    assert_one_line(Result(done.returncode, done.stdout, done.stderr), code)


def test_nothing_typed_shows_the_help(cli: Cli) -> None:
    """And is no success, so that an empty variable in a script does not pass for an answer."""
    result = cli()
    assert (result.code, result.err) == (USAGE, "")
    assert "Usage: gptbudget" in result.out
