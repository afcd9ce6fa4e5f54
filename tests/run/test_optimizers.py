"""The table of optimizers: each row is whole, and a new one is accepted everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gptbudget import load_catalog
from gptbudget.core.memory.placement import place
from gptbudget.core.memory.states import optimizer_bytes
from gptbudget.specs.layout import ONE_RANK
from gptbudget.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS
from gptbudget.specs.recipe import Method, Recipe
from tests.conftest import Cli

WITH_ANOTHER = """
import sys
from gptbudget.specs import optimizers
from gptbudget.specs.optimizers import Optimizer, State
row = Optimizer("Half AdamW", "this test", State(tensors=1), tried_for="adamw")
optimizers.OPTIMIZERS = {**optimizers.OPTIMIZERS, "half-adamw": row}
from gptbudget.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def with_another(*arguments: str) -> str:
    """What the program prints where the table has one more optimizer."""
    done = subprocess.run(
        [sys.executable, "-c", WITH_ANOTHER, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_row_refers_to_rows(name: str) -> None:
    spec = OPTIMIZERS[name]
    assert spec.title
    assert spec.source
    assert spec.tried_for is None or spec.tried_for in OPTIMIZERS
    assert spec.tried_for != name


def test_the_default_is_a_row() -> None:
    assert Recipe("bf16").optimizer == DEFAULT_OPTIMIZER
    assert Recipe("bf16").optimizer_spec is OPTIMIZERS[DEFAULT_OPTIMIZER]


@pytest.mark.parametrize(
    ("name", "each"),
    [
        ("adamw", 8),
        ("adamw8bit", 2 + 8 / 2048),
        ("paged-adamw8bit", 2 + 8 / 2048),
        ("adafactor", 0),
        ("sgd", 0),
        ("sgdm", 4),
        ("lion", 4),
    ],
)
def test_bytes_of_a_parameter(name: str, each: float) -> None:
    held = place(load_catalog().models.find("gpt2").spec, Method(), ONE_RANK).kinds[0]
    assert optimizer_bytes(held, Recipe("bf16", optimizer=name)) == each * held.trained


def test_adam_mini_halves_the_state_of_adamw(cli: Cli) -> None:
    # Zhang et al. 2024, arXiv 2406.16793: 50 % less memory than AdamW, 99.9 % of the second moment
    # and more is gone. AdamW keeps 8 bytes for each of Llama 2 7B's 6,738,415,616 parameters.
    asked = ("memory", "--gpu", "h200", "--model", "llama-2-7b", "-o", "json", "--optimizer")
    mini, whole = (
        cli(*asked, name).json["results"][0]["memory"]["parts"]["optimizer_state"]
        for name in ("adam-mini", "adamw")
    )
    assert whole == 8 * 6_738_415_616
    assert mini / whole == pytest.approx(0.5, abs=0.0005)


def test_another_row_is_an_option() -> None:
    assert "|half-adamw" in "".join(with_another("compare", "--help").split())


def test_another_row_is_estimated() -> None:
    asked = ("memory", "--gpu", "4090", "--model", "gpt2", "-o", "json", "--optimizer")
    own, like_it = (json.loads(with_another(*asked, name)) for name in ("half-adamw", "lion"))
    assert own["results"][0]["memory"]["parts"] == like_it["results"][0]["memory"]["parts"]


def test_another_row_is_accepted_in_a_scenario(tmp_path: Path) -> None:
    scenario = tmp_path / "half.yaml"
    scenario.write_text(
        "question: How large?\ngpu: [rtx-4090]\nmodel: [gpt2]\noptimizer: half-adamw\n"
    )
    assert "half-adamw" in with_another("compare", "--config", str(scenario))


def test_another_row_is_searched() -> None:
    found = with_another("fit", "--gpu", "4070ti", "--model", "gpt2-xl", "-o", "json")
    assert '"half-adamw"' in found


def test_an_unknown_name_lists_the_table(cli: Cli, tmp_path: Path) -> None:
    answer = cli("compare", "--gpu", "4090", "--model", "gpt2", "--optimizer", "adam")
    listed = ", ".join(OPTIMIZERS)
    sentence = f"'adam' is not known; write one of {listed}"
    assert (answer.code, answer.err) == (2, f"gptbudget: error: --optimizer: {sentence}\n")
    scenario = tmp_path / "five.yaml"
    scenario.write_text("question: How large?\ngpu: [rtx-4090]\nmodel: [gpt2]\noptimizer: 5\n")
    answer = cli("compare", "--config", str(scenario))
    assert answer.code == 4
    assert answer.err.endswith(f"five.yaml:4: optimizer: 5 is not known; write one of {listed}\n")
