"""``gptbudget fit``: which recipes, layouts and hardware train a model, ranked."""

from gptbudget.cli.finish import finish
from gptbudget.cli.flags import Invocation, takes
from gptbudget.specs.command_options import FIT_OPTIONS

EPILOG = "Example: gptbudget fit --gpu 4070ti --model gpt2-xl"


@takes(FIT_OPTIONS, "scenario", "explain")
def command(invocation: Invocation) -> None:
    """Rank the combinations of recipe, layout and hardware that can train a model.

    Options that are given stay fixed; all others are searched.
    """
    from gptbudget.answer.fit import fit_document
    from gptbudget.render.output import DATA_FORMATS
    from gptbudget.render.progress import watching
    from gptbudget.search import fit

    question = fit.ask(invocation.given, invocation.scenario)
    with watching() as watch:
        result = fit.answer(question, invocation.catalogs, watch)
    document = fit_document(result, tables=invocation.fmt not in DATA_FORMATS)
    finish(invocation, document, result, no=not result.ways)
