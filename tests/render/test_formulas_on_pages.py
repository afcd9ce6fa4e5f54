"""The formulas behind a page: folded away, and all that ``--explain`` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli

ASKED = {
    "compare": ("--gpu", "4070ti", "--model", "gpt2-xl"),
    "plan": ("--gpu", "4070ti", "--time", "30d"),
}


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("compare", ("--gpu", "4070ti", "--gpu", "h100", "--model", "gpt2")),
        ("plan", ("--gpu", "a100", "--gpu", "h100", "--model", "gpt2-xl", "--time", "30d")),
    ],
)
def test_every_row_has_its_own(
    cli: Cli, tmp_path: Path, command: str, asked: tuple[str, ...]
) -> None:
    cli(command, *asked, "--html", str(tmp_path / "page.html"))
    rows = cli(command, *asked, "--explain", "-o", "json").json["results"]

    assert (tmp_path / "page.html").read_text().count("<details") == len(rows) == 2
    assert all(row["explanation"] for row in rows)


@pytest.mark.parametrize("command", ASKED)
def test_each_explained_number_is_on_the_page(cli: Cli, tmp_path: Path, command: str) -> None:
    asked = ASKED[command]
    cli(command, *asked, "--html", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    answer = cli(command, *asked, "--explain", "-o", "json").json
    steps = answer["results"][0]["explanation"] if command == "compare" else answer["explanation"]

    assert page.count("<details") == 1
    folded = page.partition("<details")[2]
    assert len(steps) > 20
    for step in steps:
        assert f">{step['name']}</td>" in folded
