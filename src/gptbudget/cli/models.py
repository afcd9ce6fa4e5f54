"""``gptbudget models``: the models of the catalog, or one of them in full."""

from gptbudget.cli.flags import Invocation, entry_name, takes
from gptbudget.specs.command_options import READING_OPTIONS

EPILOG = "Example: gptbudget models llama-2-7b --tokens-per-s 3600 --gpu a100"

_NAME = entry_name(
    "models", "Model to show in full, or the path of a Hugging Face config.json or its folder."
)


@takes(READING_OPTIONS, extra={"name": _NAME})
def command(invocation: Invocation) -> None:
    """List the models of the catalog; with a name, show its parameters and FLOPs by component.

    With --tokens-per-s (or --tflops) and --gpu, show the MFU of that speed in every convention.
    """
    from gptbudget.answer.catalog import model_document, models_document
    from gptbudget.catalog.catalog import load_catalog
    from gptbudget.errors import UsageError
    from gptbudget.render.output import write
    from gptbudget.run.batch import refuse_beyond_positions
    from gptbudget.run.question import find_model, given_options, published_rate
    from gptbudget.specs.command_options import ReadingOptions

    options, name = given_options(invocation.given, ReadingOptions), invocation.extra["name"]
    catalog = load_catalog(invocation.catalogs)
    if name is not None:
        entry = find_model(name, catalog)
        if options.seq_len is not None:
            refuse_beyond_positions(entry.spec, options.seq_len)
        rate = published_rate(options, entry.spec, catalog)
        write(model_document(entry, options.seq_len, rate), invocation.fmt)
        return
    if invocation.given:
        first = next(iter(invocation.given)).replace("_", "-")
        raise UsageError(f"--{first} needs a model", "name one, for example gpt2-xl")
    write(models_document(catalog.models), invocation.fmt)
