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
    from gptbudget.report.plan.counts import counts_document
    from gptbudget.report.plan.document import plan_document

    question = planning.ask(invocation.given, invocation.scenario)
    found = planning.answer(question, invocation.catalogs)
    if isinstance(found, planning.CountPlan):
        write(counts_document(found.found, found.limits), invocation.fmt)
        no = found.feasible is False
        unmet = not all(counted.feasible for counted in found.found)
    else:
        write(plan_document(found), invocation.fmt)
        no = found.nothing_fits
        unmet = found.hardware is not None and found.feasible is not True
    if no or (invocation.check and unmet):
        raise typer.Exit(_THE_ANSWER_IS_NO)
