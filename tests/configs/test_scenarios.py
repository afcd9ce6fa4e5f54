"""Every shipped scenario is answered as its published and derived expectations say."""

from __future__ import annotations

import math
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from gptbudget.answer.data import answer
from gptbudget.answer.page.sources import shown_option
from gptbudget.catalog.paths import shipped_folder
from gptbudget.catalog.scenario import Expectation, load_scenario
from gptbudget.errors import FileError
from gptbudget.run.estimate import compare
from gptbudget.run.question import ask
from gptbudget.specs.options import OPTIONS

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


WITH_UNITS = [name for name, option in OPTIONS.items() if option.unit]


def test_every_option_that_takes_a_size_or_a_time_has_a_unit() -> None:
    takes = {name for name, option in OPTIONS.items() if option.takes in {"SIZE", "TIME"}}
    assert takes == set(WITH_UNITS)


@pytest.mark.parametrize("name", WITH_UNITS)
def test_a_number_without_its_unit_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(f"question: what?\ngpu: h100\nmodel: gpt2\n{name}: 64\n", encoding="utf-8")
    with pytest.raises(FileError, match=f"scenario.yaml:4: {name}: '64' has no unit"):
        load_scenario(path)


@pytest.mark.parametrize("name", WITH_UNITS)
def test_a_page_shows_the_unit_of_an_option(name: str) -> None:
    assert not shown_option(name, 64e9).replace(".", "").isdigit()
    assert shown_option(name, 64e9)[-1].isalpha()
