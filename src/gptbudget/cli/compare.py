"""``gptbudget compare``: available against required compute, memory fit, wall clock, cost."""

import typer

from gptbudget.cli.options import Invocation, takes
from gptbudget.specs.options import OPTIONS

EPILOG = "Example: gptbudget compare --gpu 4070ti --model gpt2-xl"

_THE_ANSWER_IS_NO = 5


@takes(OPTIONS, scenario=True, html=True, explain=True)
def command(invocation: Invocation) -> None:
    """Available against required compute, memory fit, wall clock and cost."""
    from gptbudget.answer.compare import comparison
    from gptbudget.render.output import DATA_FORMATS, write
    from gptbudget.run.estimate import compare
    from gptbudget.run.question import ask

    question = ask(invocation.given, invocation.scenario)
    found = compare(question, invocation.catalogs)
    tables = invocation.fmt not in DATA_FORMATS
    document = comparison(found.estimates, found.skipped, tables=tables)
    if invocation.explain is not None:
        from gptbudget.answer.explain.document import explained

        document = explained(document, found.estimates, invocation.explain)
    if invocation.html is None:
        write(document, invocation.fmt)
    else:
        from gptbudget import __version__
        from gptbudget.answer.page.pages import compare_page
        from gptbudget.render.html.page import write_with_page

        page = compare_page(found.estimates, found.skipped)
        write_with_page(
            document, invocation.fmt, page._replace(version=__version__), invocation.html
        )
    if invocation.check and not all(estimate.feasible for estimate in found.estimates):
        raise typer.Exit(_THE_ANSWER_IS_NO)
