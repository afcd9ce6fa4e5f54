"""The largest value that fits is found with few runs."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptbudget.dryrun.run import Asked, DryRun
from gptbudget.dryrun.tries import largest_that_fits, read_values
from gptbudget.errors import UsageError
from tests.dryrun.test_answer import GPU, run_of

COMMAND = ("python", "train.py", "--batch-size={}")


def size_of(run: DryRun) -> int:
    return int(run.asked.command[-1].removeprefix("--batch-size="))


@given(limit=st.integers(0, 80), first=st.integers(1, 20), count=st.integers(1, 60))
def test_the_largest_is_what_running_each_finds(limit: int, first: int, count: int) -> None:
    values = range(first, first + count)
    found = largest_that_fits(
        Asked(COMMAND, GPU), values,
        lambda asked: run_of()._replace(asked=asked), lambda run: size_of(run) <= limit,
    )  # fmt: skip
    fitting = [value for value in values if value <= limit]
    assert (found.best.value if found.best else None) == (max(fitting) if fitting else None)
    assert len(found.tries) <= 2 + math.ceil(math.log2(count + 1))
    assert len({each.value for each in found.tries}) == len(found.tries)
    if found.worse and found.best:
        assert found.worse.value == found.best.value + 1


@pytest.mark.parametrize(
    ("text", "values"), [("1..4", [1, 2, 3, 4]), ("8,2,4", [2, 4, 8]), ("3..3", [3])]
)
def test_values(text: str, values: list[int]) -> None:
    assert list(read_values(text)) == values


@pytest.mark.parametrize("text", ["", "4..1", "0..3", "a", "1..", "1;2", "1.5"])
def test_no_values(text: str) -> None:
    with pytest.raises(UsageError, match="is no range and no list"):
        read_values(text)


def test_a_command_without_a_place() -> None:
    asked = Asked(("python", "train.py"), GPU)
    with pytest.raises(UsageError, match="needs a place for its values"):
        largest_that_fits(asked, [1, 2], lambda _: run_of(), lambda _: True)
