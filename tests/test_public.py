"""The public functions: what they give back shows itself."""

from __future__ import annotations

import pytest

import gptbudget
from gptbudget.api import Shown
from tests.conftest import Cli


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (
            gptbudget.estimate(gpu="4070ti", model="gpt2-xl"),
            ("compare", "--gpu", "4070ti", "--model", "gpt2-xl"),
        ),
        (gptbudget.plan(flops=5.76e23), ("plan", "--flops", "5.76e23")),
        (
            gptbudget.plan(gpu="h100", model="gpt2-xl", time=864_000.0),
            ("plan", "--gpu", "h100", "--model", "gpt2-xl", "--time", "10d"),
        ),
    ],
    ids=["estimate", "plan", "counts"],
)
def test_a_result_is_its_verdict_and_its_tables(
    cli: Cli, found: Shown, command: tuple[str, ...]
) -> None:
    printed = cli(*command, "-o", "markdown").out

    assert str(found) == printed.splitlines()[0]
    assert found._repr_markdown_() == printed
    assert "| --- |" in printed or "| ---: |" in printed


def test_a_search_shows_its_ways(cli: Cli) -> None:
    found = gptbudget.fit(gpu="4070ti", model="gpt2")
    printed = cli("fit", "--gpu", "4070ti", "--model", "gpt2", "-o", "markdown").out

    assert str(found) == printed.splitlines()[0]
    assert [line for line in found._repr_markdown_().splitlines() if line.startswith("|")] == [
        line for line in printed.splitlines() if line.startswith("|")
    ]
