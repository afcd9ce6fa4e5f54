"""Write a page where the user wants it."""

import sys
from pathlib import Path

from gptbudget.answer.document import Document
from gptbudget.answer.page.page import Page
from gptbudget.errors import UsageError
from gptbudget.render.html.page import to_html
from gptbudget.render.output import write


def write_page(page: Page, path: Path) -> None:
    """Write the page as a file, in place of an older one.

    Raises:
        UsageError: the path is no place for a file, or it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "not an ordinary file"
            raise UsageError(f"--html: {path} is {what}", "name a file, for example answer.html")
        path.write_text(to_html(page), encoding="utf-8", newline="\n")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise UsageError(
            f"--html: {path} cannot be written ({reason})", "name another file"
        ) from None


def write_with_page(document: Document, fmt: str, page: Page, path: Path) -> None:
    """Write the page, print the answer, and say on standard error where the page is.

    Raises:
        UsageError: there is no such format, or the page cannot be written.
    """
    write_page(page, path)
    write(document, fmt)
    print(f"gptbudget: the page is in {path}", file=sys.stderr)  # noqa: T201 - not the answer
