"""Tables for people: columns where there is room, blocks of lines where there is not."""

from __future__ import annotations

import io

import pytest

from gptbudget.answer.document import Document, Table
from gptbudget.render.terminal import print_document

TABLE = Table(
    ("gpu", "memory", "file"),
    (("small", "8", "gpus.yaml"), ("large", "80", "a/long/path/" * 5)),
    title="cards",
    right=frozenset({"memory"}),
)
DOCUMENT = Document("Yes: it fits.", (TABLE,), {}, [], ("a note " * 20,))


def printed(document: Document) -> list[str]:
    stream = io.StringIO()
    print_document(document, stream)
    return stream.getvalue().splitlines()


def test_headline_tables_notes_in_this_order() -> None:
    lines = printed(DOCUMENT)
    assert lines[0] == "Yes: it fits."
    assert lines[1:3] == ["", "cards"]
    assert lines[3].split() == ["gpu", "memory", "file"]
    assert lines[-1].startswith("- a note a note")


def test_numbers_are_flush_right() -> None:
    _, _, _, header, small, large, *_ = printed(DOCUMENT)
    end = header.index("memory") + len("memory")
    assert (small[end - 1], large[end - 2 : end]) == ("8", "80")


@pytest.mark.parametrize("columns", ["40", "63"])
def test_a_narrow_table_becomes_blocks(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = printed(DOCUMENT)
    assert lines[3:6] == ["small", "  memory: 8", "  file: gpus.yaml"]
    assert max(len(line) for line in lines[:-1]) <= int(columns)


@pytest.mark.parametrize("columns", ["64", "100", "200"])
def test_a_wide_table_keeps_to_the_width(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert max(len(line) for line in printed(DOCUMENT)[:-1]) <= int(columns)


@pytest.mark.parametrize("columns", ["", "0", "-3", "many"])
def test_a_pipe_of_unknown_width_is_100_wide(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert 64 < max(len(line) for line in printed(DOCUMENT)[:-1]) <= 100


def test_what_looks_like_markup_is_text() -> None:
    """rich would read [bold] as a style and :smile: as a picture."""
    document = Document("a [bold]name[/bold] :smile:", (Table(("x",), (("[red]",),)),), {}, [])
    assert printed(document) == ["a [bold]name[/bold] :smile:", "", "x", "[red]"]
