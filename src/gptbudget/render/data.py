"""Answers as JSON, CSV and Markdown."""

from collections.abc import Iterable
from typing import Any

from gptbudget.answer.document import Document, flatten


def to_json(document: Document) -> str:
    """Return the answer as JSON; unknown values are ``null``, numbers are never NaN."""
    import json

    return json.dumps(document.data, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def to_csv(document: Document) -> str:
    """Return one CSV line per record; headers are JSON paths with dots, unknown is empty."""
    import csv
    import io

    records = [flatten(record) for record in document.records]
    headers = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO()
    writer = csv.DictWriter(text, headers, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(_plain(record) for record in records)
    return text.getvalue()


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    words = {True: "true", False: "false", None: ""}
    return {k: words[v] if v is None or isinstance(v, bool) else v for k, v in record.items()}


def to_markdown(document: Document) -> str:
    """Return the tables as Markdown, with the headline above and the notes below."""
    blocks = [document.headline] if document.headline else []
    blocks += document.advice
    for table in document.tables:
        lines = [f"### {table.title}", ""] if table.title else []
        ruler = ["---:" if column in table.right else "---" for column in table.columns]
        lines += [_cells(table.columns), _cells(ruler)]
        lines += [_cells(row) for row in table.rows]
        blocks.append("\n".join(lines))
    if document.notes:
        blocks.append("\n".join(f"- {note}" for note in document.notes))
    return "\n\n".join(blocks) + "\n"


def _cells(values: Iterable[str]) -> str:
    cells = (value.replace("|", "\\|").replace("\n", "<br>") for value in values)
    return f"| {' | '.join(cells)} |"
