"""Write a document to standard output in the requested format.

A closed pipe (for example ``| head``) is not an error.
"""

import os
import sys
from io import TextIOWrapper
from typing import Literal, get_args

from gptbudget.answer.document import Document
from gptbudget.errors import UsageError

Format = Literal["table", "json", "csv", "markdown"]
FORMATS: tuple[str, ...] = get_args(Format)
DATA_FORMATS = frozenset({"json", "csv"})
"""Formats for other programs, which show no tables."""


def write(document: Document, fmt: str) -> None:
    """Print ``document`` as ``fmt``.

    Raises:
        UsageError: there is no such format.
    """
    if fmt not in FORMATS:
        raise UsageError(f"--format: {fmt!r} is not a format", f"one of {', '.join(FORMATS)}")
    if isinstance(sys.stdout, TextIOWrapper):  # a name may not be encodable
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        _print(document, fmt)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()


def discard_output() -> None:
    """Discard output after a broken pipe, so that the command ends with its exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print(document: Document, fmt: str) -> None:
    if fmt == "table":
        from gptbudget.render.terminal import print_document

        print_document(document)
        return
    from gptbudget.render import data

    as_text = {"json": data.to_json, "csv": data.to_csv, "markdown": data.to_markdown}
    sys.stdout.write(as_text[fmt](document))
