"""``gptbudget plan``: the best model for a budget, or how many GPUs for a deadline."""

from gptbudget.cli.finish import finish
from gptbudget.cli.flags import Invocation, takes
from gptbudget.specs.command_options import PLAN_OPTIONS

EPILOG = "Example: gptbudget plan --gpu 4070ti --time 1y"


@takes(PLAN_OPTIONS, "html", "scenario", "check", "explain")
def command(invocation: Invocation) -> None:
    """Find the best model and number of tokens for a budget of --time, --cost or --flops.

    With --model, find the number of GPUs that trains it within --time and --cost.
    """
    from gptbudget.answer.budget import plan_document
    from gptbudget.answer.gpu_count import counts_document
    from gptbudget.budget import plan

    question = plan.ask(invocation.given, invocation.scenario)
    result = plan.answer(question, invocation.catalogs)
    if isinstance(result, plan.CountPlan):
        document = counts_document(result.found, result.limits)
        no = result.feasible is False
        unmet = not all(counted.feasible for counted in result.found)
    else:
        document = plan_document(result)
        no = result.nothing_fits
        unmet = result.hardware is not None and not result.feasible
    finish(invocation, document, result, no=no or (invocation.check and unmet))
