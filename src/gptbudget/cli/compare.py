"""``gptbudget compare``: available and required compute, memory fit, wall clock, cost."""

from gptbudget.cli.finish import finish
from gptbudget.cli.flags import Invocation, takes
from gptbudget.specs.options import OPTIONS

EPILOG = "Example: gptbudget compare --gpu 4070ti --model gpt2-xl"


@takes(OPTIONS, "html", "scenario", "check", "explain")
def command(invocation: Invocation) -> None:
    """Compare available with required compute; show memory fit, wall-clock time and cost."""
    from gptbudget.answer.compare import comparison
    from gptbudget.render.output import DATA_FORMATS
    from gptbudget.run.estimate import compare
    from gptbudget.run.question import ask

    result = compare(ask(invocation.given, invocation.scenario), invocation.catalogs)
    tables = invocation.fmt not in DATA_FORMATS
    document = comparison(result.estimates, result.skipped, tables=tables)
    feasible = all(estimate.feasible for estimate in result.estimates)
    finish(invocation, document, result, no=invocation.check and not feasible)
