"""The keys of the JSON of every command, which scripts rely on; ``json_keys.yaml`` lists them.

``GPTBUDGET_REWRITE=1 pytest tests/answer`` writes the current keys into that file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Cli

FILE = Path(__file__).with_name("json_keys.yaml")

ONE = ("--gpu", "4070ti", "--model", "gpt2-xl")
LOGGED = ("--gpu", "4090", "--model", "gpt2", "--tokens-per-s", "98000")

HEAD = "# Keys of the JSON of every command, by their place: [] is a list, * any name.\n"

COMMANDS: dict[str, list[tuple[str, ...]]] = {
    "compare": [
        ("compare", *ONE, "--explain"),
        ("compare", *LOGGED[:4]),
        ("compare", "--gpu", "4070ti", "--flops", "1e21", "--utilization", "0.5"),
        *[
            ("compare", "--gpu", "h100", "--gpus", "8", "--model", "llama-3.1-8b", *more)
            for more in (("--precision", "fp8"), ("--pp", "8"))
        ],
    ],
    "memory": [("memory", *ONE), ("memory", "--gpu", "h100", "--gpus", "8", "--model", "gpt2")],
    "fit": [("fit", *ONE), ("fit", *ONE, "--time", "1d")],
    "plan": [("plan", "--gpu", gpu, "--time", "1y") for gpu in ("4070ti", "h100")],
    "plan --model": [("plan", "--gpu", "h100", "--model", "llama-3-8b", "--time", "30d")],
    "gpus": [("gpus",)],
    "gpus NAME": [("gpus", "4070ti"), ("gpus", "h100"), ("gpus", "v100-sxm-16gb")],
    "models": [("models",)],
    "models NAME": [
        ("models", "gpt2"),
        ("models", "deepseek-v3", "--gpu", "h100", "--tflops", "9"),
    ],
    "validate": [("validate",)],
    "validate --run": [("validate", "--run", "llmc-gpt2-1558m-8h100")],
    "calibrate": [("calibrate", *LOGGED, "--peak", "16GiB")],
    "calibrate --list": [("calibrate", "--list")],
    "catalog check": [("catalog", "check")],
    "catalog path": [("catalog", "path")],
}

OPEN = re.compile(
    r"(.*\.|.*\])?(request|parts|phases|phase_parts|phase_parts\.\*|by_stack|changes|choices|choice"
    r"|programs|recipe|models|checkpoint_only|conventions|mfu|group|seconds|run|options)"
)
"""Mappings whose keys are names: of options, parts, stacks, programs, models and so on."""


def paths(part: Any, path: str = "") -> Iterator[str]:
    """Every key with its place: ``[]`` behind a list, ``*`` for any name of an open mapping."""
    if isinstance(part, dict) and OPEN.fullmatch(path):
        yield from (inner for each in part.values() or [None] for inner in paths(each, f"{path}.*"))
    elif isinstance(part, dict) and part:
        for key, value in part.items():
            yield from paths(value, f"{path}.{key}" if path else key)
    elif isinstance(part, list) and part:
        yield from (inner for each in part for inner in paths(each, f"{path}[]"))
    else:
        yield path


def by_parent(found: Iterable[str]) -> dict[str, str]:
    """Keys side by side under the place they share; what has keys in some answer is no leaf."""
    unique = dict.fromkeys(found)
    inner = {path[: end.start()] for path in unique for end in re.finditer(r"\[\]|\.", path)}
    grouped: dict[str, list[str]] = {}
    for path in unique:
        parent, _, key = path.rpartition(".")
        if path not in inner:
            grouped.setdefault(parent or "(top)", []).append(key)
    return {parent: " ".join(sorted(keys)) for parent, keys in sorted(grouped.items())}


@pytest.mark.parametrize("name", COMMANDS)
def test_keys_of_the_json(cli: Cli, name: str) -> None:
    cli("calibrate", *LOGGED)
    answers = [cli(*command, "-o", "json").json for command in COMMANDS[name]]
    keys = by_parent(path for answer in answers for path in paths(answer))
    known = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    if os.environ.get("GPTBUDGET_REWRITE"):
        FILE.write_text(HEAD + yaml.safe_dump(known | {name: keys}, width=100), encoding="utf-8")
    else:
        assert keys == known[name]


def test_every_list_is_of_a_command() -> None:
    assert set(yaml.safe_load(FILE.read_text(encoding="utf-8"))) == set(COMMANDS)
