"""Every shipped scenario is answered as its published and derived expectations say."""

from __future__ import annotations

import math
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from gptbudget.answer.data import answer
from gptbudget.catalog.paths import shipped_folder
from gptbudget.catalog.scenario import Expectation, load_scenario
from gptbudget.run.estimate import compare
from gptbudget.run.question import ask

FILES = sorted((shipped_folder() / "configs").glob("*.yaml"))


def found(result: dict[str, Any], key: str) -> Any:
    """The value at a dotted path of the answer."""
    return reduce(lambda part, name: part[name], key.split("."), result)


def agrees(value: Any, expected: Expectation) -> bool:
    if isinstance(expected.value, float) and expected.tolerance is not None:
        return math.isclose(value, expected.value, rel_tol=expected.tolerance)
    return bool(value == expected.value)


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 15


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario_asks_and_cites(path: Path) -> None:
    scenario = load_scenario(path)

    assert scenario.question.endswith("?")
    assert scenario.expect
    assert all(expected.source for expected in scenario.expect)
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario_is_answered_as_expected(path: Path) -> None:
    (estimate,) = compare(ask({}, path)).estimates
    result = answer(estimate)
    wrong = [
        f"{expected.key}: {found(result, expected.key)!r}, expected {expected.value!r} within "
        f"{expected.tolerance or 'exactly'} ({expected.source})"
        for expected in load_scenario(path).expect
        if not agrees(found(result, expected.key), expected)
    ]

    assert not wrong, "\n".join(wrong)
