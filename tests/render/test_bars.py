"""Bars beside numbers: as long as there is room, in characters that the output can hold."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptbudget.answer.document import Document, Table
from gptbudget.render.bars import ASCII, BLOCKS, LONGEST, SHORTEST, Ink, bar, ink_of
from gptbudget.render.terminal import print_document
from tests.conftest import Cli

OWN = Table(
    ("part", "bytes"),
    (("weights", "6 GiB"), ("total", "30 GiB"), ("unknown", "?")),
    right=frozenset({"bytes"}),
    bars=(0.5, 2.5, None),
)
BEHIND = Table(
    ("", "", ""),
    (("needed", "30 GiB", "at the peak " * 9), ("weights", "6 GiB", "50 %"), ("rest", "1", "5 %")),
    bars=(None, 0.5, 0.05),
)
INK = set(BLOCKS.full + BLOCKS.parts + BLOCKS.empty)


def printed(table: Table, encoding: str = "utf-8") -> list[str]:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    print_document(Document("", (table,), {}, []), stream)
    stream.flush()
    return raw.getvalue().decode(encoding).splitlines()


def ink_in(line: str) -> int:
    return sum(character in INK for character in line)


@pytest.mark.parametrize("ink", [BLOCKS, ASCII])
@given(share=st.floats(0, 1), width=st.integers(SHORTEST, LONGEST))
def test_a_share_fills_its_part_of_the_width(ink: Ink, share: float, width: int) -> None:
    drawn = bar(share, width, ink)
    steps = len(ink.parts) + 1
    partial = sum(ink.parts.index(c) + 1 for c in drawn if c in ink.parts)
    assert len(drawn) == width
    assert abs(drawn.count(ink.full) + partial / steps - share * width) <= 0.5 / steps + 1e-9


def test_what_is_more_than_the_whole_is_marked() -> None:
    assert bar(1, 6, ASCII) == "######"
    assert bar(1.001, 6, ASCII) == "######>"


def test_a_bar_has_a_column_of_its_own_behind_a_number() -> None:
    head, weights, total, unknown = printed(OWN)
    assert head.split() == ["part", "bytes"]
    assert weights.split()[-1] == "█" * (LONGEST // 2) + "·" * (LONGEST // 2)
    assert total.split()[-1] == "█" * LONGEST + ">"
    assert unknown.split() == ["unknown", "?"]


def test_a_bar_stands_behind_the_words_of_the_last_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed(BEHIND)
    weights = next(line for line in lines if line.startswith("weights"))
    rest = next(line for line in lines if line.startswith("rest"))
    assert weights.index("█") == rest.index("█") > weights.index("50 %")


@pytest.mark.parametrize("columns", range(64, 130, 7))
@pytest.mark.parametrize("table", [OWN, BEHIND])
def test_no_bar_is_folded(monkeypatch: pytest.MonkeyPatch, columns: int, table: Table) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = printed(table)
    assert max(map(len, lines)) <= columns
    bars = [ink_in(line) for line in lines if ink_in(line)]
    assert len(set(bars)) == 1
    assert SHORTEST <= bars[0] <= LONGEST


@pytest.mark.parametrize("columns", [20, 40])
def test_in_a_block_of_lines_the_bar_is_the_last(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = printed(OWN)
    assert lines[:2] == ["weights", "  bytes: 6 GiB"]
    assert ink_in(lines[2]) == min(LONGEST, columns - 3)
    assert max(map(len, lines)) <= columns


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_other_encodings_get_ascii(encoding: str) -> None:
    assert ink_of(encoding) == ASCII
    assert any("#" * 12 + "." * 12 in line for line in printed(OWN, encoding))


@pytest.mark.parametrize("encoding", [None, "no such encoding"])
def test_without_an_encoding_it_is_ascii(encoding: str | None) -> None:
    assert ink_of(encoding) == ASCII


@pytest.mark.parametrize("command", ["compare", "memory"])
@pytest.mark.parametrize(("fmt", "drawn"), [("table", True), ("json", False), ("csv", False)])
def test_only_tables_have_bars(cli: Cli, command: str, fmt: str, drawn: bool) -> None:  # noqa: FBT001
    out = cli(command, "--gpu", "4070ti", "--model", "gpt2", "-o", fmt).out
    assert (BLOCKS.full in out) is drawn
