"""``gptbudget plan``: the best model for a budget, or how many GPUs for a deadline."""

from __future__ import annotations

import typer

from gptbudget.cli.options import (
    ASSUMPTIONS,
    HARDWARE,
    JOB,
    LAYOUT,
    METHOD,
    PLAN,
    RECIPE,
    Invocation,
    takes,
)

EPILOG = "Example: gptbudget plan --gpu 4070ti --time 1y"

_THE_ANSWER_IS_NO = 5


@takes(HARDWARE, JOB, RECIPE, METHOD, LAYOUT, ASSUMPTIONS, PLAN, scenario=True)
def command(invocation: Invocation) -> None:
    """The best model and number of tokens for a budget of --time, --cost or --flops.

    With --model, how many GPUs train it within --time and --cost.
    """
    from gptbudget import planning
    from gptbudget.render.output import write
    from gptbudget.report.plan.document import plan_document

    question = planning.ask(invocation.given, invocation.scenario)
    found = planning.plan_budget(question, invocation.catalogs)
    write(plan_document(found), invocation.fmt)
    unfit = found.hardware is not None and found.feasible is not True
    if found.nothing_fits or (invocation.check and unfit):
        raise typer.Exit(_THE_ANSWER_IS_NO)
