"""JSON, CSV and Markdown of a document."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from gptbudget.answer.document import Document, Table
from gptbudget.errors import UsageError
from gptbudget.render.data import to_csv, to_json, to_markdown
from gptbudget.render.output import FORMATS, write

RECORDS: list[dict[str, Any]] = [
    {"name": "a, b", "time": {"step_s": 0.1, "mfu": None}, "fits": True, "notes": ["x", "y"]},
    {"name": 'say "hi"', "cost": {"usd": 1e21}},
]
DOCUMENT = Document(
    "Yes.",
    (Table(("label", "value"), (("a|b", "1"),), title="part", right=frozenset({"value"})),),
    {"results": RECORDS},
    RECORDS,
    ("a note",),
)


def test_json_is_the_whole_answer() -> None:
    assert json.loads(to_json(DOCUMENT)) == {"results": RECORDS}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_never_holds_what_is_no_number(value: float) -> None:
    """Python would write NaN, which is no JSON."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(DOCUMENT._replace(data={"x": value}))


def test_csv_paths_are_joined_by_dots_and_unknown_is_empty() -> None:
    first, second = csv.DictReader(io.StringIO(to_csv(DOCUMENT)))
    assert first == {
        "name": "a, b",
        "time.step_s": "0.1",
        "time.mfu": "",
        "fits": "true",
        "notes": "x | y",
        "cost.usd": "",
    }
    assert (second["name"], float(second["cost.usd"])) == ('say "hi"', 1e21)


def test_markdown() -> None:
    assert to_markdown(DOCUMENT) == (
        "Yes.\n\n### part\n\n| label | value |\n| --- | ---: |\n| a\\|b | 1 |\n\n- a note\n"
    )


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_ends_with_one_newline(fmt: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(DOCUMENT, fmt)
    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert not out.endswith("\n\n")


def test_no_other_format() -> None:
    with pytest.raises(UsageError, match="'xml' is not a format; one of table, json"):
        write(DOCUMENT, "xml")
