"""One door for all formats: a document goes to standard output in the format asked for."""

from __future__ import annotations

import sys
from typing import Literal, get_args

from gptbudget.errors import UsageError
from gptbudget.report.document import Document

Format = Literal["table", "json", "csv", "markdown"]
FORMATS: tuple[str, ...] = get_args(Format)


def write(document: Document, fmt: str) -> None:
    """Print ``document`` as ``fmt``.

    Raises:
        UsageError: there is no such format.
    """
    if fmt not in FORMATS:
        raise UsageError(f"--format: {fmt!r} is not a format", f"one of {', '.join(FORMATS)}")
    if fmt == "table":
        from gptbudget.render.terminal import print_document

        print_document(document)
        return
    from gptbudget.render import data

    as_text = {"json": data.to_json, "csv": data.to_csv, "markdown": data.to_markdown}
    sys.stdout.write(as_text[fmt](document))
