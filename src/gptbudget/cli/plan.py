"""``gptbudget plan``: the best model for a budget, or how many GPUs for a deadline."""

from typing import TYPE_CHECKING

import typer

from gptbudget.cli.options import Invocation, takes
from gptbudget.specs.command_options import PLAN_OPTIONS

if TYPE_CHECKING:
    from gptbudget.answer.document import Document
    from gptbudget.budget.budget import Plan
    from gptbudget.budget.plan import CountPlan

EPILOG = "Example: gptbudget plan --gpu 4070ti --time 1y"

_THE_ANSWER_IS_NO = 5


@takes(PLAN_OPTIONS, scenario=True, html=True, explain=True)
def command(invocation: Invocation) -> None:
    """The best model and number of tokens for a budget of --time, --cost or --flops.

    With --model, how many GPUs train it within --time and --cost.
    """
    from gptbudget.answer.budget import plan_document
    from gptbudget.answer.gpu_count import counts_document
    from gptbudget.budget import plan

    question = plan.ask(invocation.given, invocation.scenario)
    found = plan.answer(question, invocation.catalogs)
    if isinstance(found, plan.CountPlan):
        document = counts_document(found.found, found.limits)
        if invocation.explain is not None:
            from gptbudget.answer.explain.document import explained_counts

            document = explained_counts(document, found.found, invocation.explain)
        no = found.feasible is False
        unmet = not all(counted.feasible for counted in found.found)
    else:
        document = plan_document(found)
        if invocation.explain is not None:
            from gptbudget.answer.explain.document import explained_plan

            document = explained_plan(document, found, invocation.explain)
        no = found.nothing_fits
        unmet = found.hardware is not None and found.feasible is not True
    _print(found, document, invocation)
    if no or (invocation.check and unmet):
        raise typer.Exit(_THE_ANSWER_IS_NO)


def _print(found: "Plan | CountPlan", document: "Document", invocation: Invocation) -> None:
    """The answer, and a page of it where one is wanted."""
    from gptbudget.render.output import write

    if invocation.html is None:
        write(document, invocation.fmt)
        return
    from gptbudget import __version__
    from gptbudget.answer.page.pages import counts_page, plan_page
    from gptbudget.budget.plan import CountPlan
    from gptbudget.render.html.page import write_with_page

    if isinstance(found, CountPlan):
        page = counts_page(found.found, document)
    else:
        page = plan_page(found, document)
    write_with_page(document, invocation.fmt, page._replace(version=__version__), invocation.html)
