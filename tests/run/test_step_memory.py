"""The memory of a step is computed once for each distinct question of a command."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gptbudget.core.memory.timeline import MemoryByPhase, memory_by_phase
from gptbudget.core.step import TrainingStep
from gptbudget.run import step_memory
from tests.conftest import Cli

QUESTION = ("--gpu", "4070ti", "--model", "gpt2-xl", "-o", "json")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[Any]:
    """How often each step was computed."""
    step_memory.remembered.clear()
    found: Counter[Any] = Counter()

    def counted(step: TrainingStep, stage: int | None = None) -> MemoryByPhase | None:
        model, recipe, how, *numbers = step
        found[(model, recipe, how.stack.title, how.loss.source, *numbers, stage)] += 1
        return memory_by_phase(step, stage)

    monkeypatch.setattr(step_memory, "memory_by_phase", counted)
    return found


@pytest.mark.parametrize(
    ("command", "most"),
    [
        (("compare", *QUESTION), 28),
        (("compare", *QUESTION, "--html", "PAGE"), 28),
        (("memory", *QUESTION), 39),
        (("compare", "--gpu", "4070ti", "--model", "gpt2", "-o", "json"), 2),
    ],
    ids=["compare", "page", "memory", "fits"],
)
def test_each_distinct_step_is_computed_once(
    cli: Cli, asked: Counter[Any], tmp_path: Path, command: tuple[str, ...], most: int
) -> None:
    cli(*(str(tmp_path / "page.html") if word == "PAGE" else word for word in command))

    # a page explains its numbers: the same step once more, on numbers that remember
    explained = sum("PAGE" in word for word in command)
    assert sum(asked.values()) - len(asked) <= explained
    assert 0 < len(asked) <= most + explained


def test_a_step_of_another_model_of_the_same_name_is_another(cli: Cli) -> None:
    found = [
        cli("memory", "--gpu", "h100", "--model", name, "-o", "json").json["results"][0]
        for name in ("gpt2", "gpt2-medium")
    ]
    assert found[0]["memory"]["peak_bytes"] < found[1]["memory"]["peak_bytes"]
