"""``gptbudget gpus``: the accelerators of the catalog, or one of them in full."""

from typing import Annotated

import typer

from gptbudget.cli import completion
from gptbudget.cli.flags import Invocation, takes

EPILOG = "Example: gptbudget gpus 4070ti"

_NAME = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Accelerator to show in full.",
        autocompletion=completion.entries("gpus"),
    ),
]


@takes(extra={"name": (_NAME, None)})
def command(invocation: Invocation) -> None:
    """List the accelerators of the catalog; with a name, show one with its sources."""
    from gptbudget.answer.catalog import gpu_document, gpus_document
    from gptbudget.catalog.catalog import load_catalog
    from gptbudget.render.output import write

    catalog, name = load_catalog(invocation.catalogs), invocation.extra["name"]
    write(
        gpus_document(catalog.gpus) if name is None else gpu_document(catalog.gpus.find(name)),
        invocation.fmt,
    )
