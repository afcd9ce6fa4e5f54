"""``gptbudget fit``: which recipes, layouts and hardware train a model, ranked."""

import typer

from gptbudget.cli.options import Invocation, takes
from gptbudget.specs.command_options import FIT_OPTIONS

EPILOG = "Example: gptbudget fit --gpu 4070ti --model gpt2-xl"

_THE_ANSWER_IS_NO = 5


@takes(FIT_OPTIONS, scenario=True, check=False, explain=True)
def command(invocation: Invocation) -> None:
    """Every way to train a model that fits, ranked: recipes, layouts and hardware.

    What is given stays fixed; everything else is searched.
    """
    from gptbudget.answer.fit import fit_document
    from gptbudget.render.output import DATA_FORMATS, write
    from gptbudget.render.progress import watching
    from gptbudget.search import fit

    asked = fit.ask(invocation.given, invocation.scenario)
    with watching() as watch:
        found = fit.answer(asked, invocation.catalogs, watch)
    document = fit_document(found, tables=invocation.fmt not in DATA_FORMATS)
    if invocation.explain is not None:
        from gptbudget.answer.explain.document import explained_fit

        document = explained_fit(document, found, invocation.explain)
    write(document, invocation.fmt)
    if not found.ways:
        raise typer.Exit(_THE_ANSWER_IS_NO)
