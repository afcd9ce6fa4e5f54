"""The end of a command: explain the answer if asked for, write it, set the exit code."""

from typing import TYPE_CHECKING

import typer

from gptbudget import __version__
from gptbudget.cli.flags import Invocation

if TYPE_CHECKING:
    from gptbudget.answer.document import Document
    from gptbudget.answer.explain.document import Result

_EXIT_NOT_SATISFIED = 5


def finish(invocation: Invocation, document: "Document", result: "Result", *, no: bool) -> None:
    """Write an answer in the requested format; exit with 5 if ``no``."""
    from gptbudget.render.output import write

    if invocation.explain is not None:
        from gptbudget.answer.explain.document import explained

        document = explained(document, result, invocation.explain)
    if invocation.html is None:
        write(document, invocation.fmt)
    else:
        from gptbudget.answer.page.pages import page_of
        from gptbudget.render.html.page import write_with_page

        page = page_of(result, document)._replace(version=__version__)
        write_with_page(document, invocation.fmt, page, invocation.html)
    if no:
        raise typer.Exit(_EXIT_NOT_SATISFIED)
