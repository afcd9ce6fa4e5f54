"""``gptbudget gpus``: the accelerators of the catalog, or one of them in full."""

from gptbudget.cli.flags import Invocation, entry_name, takes

EPILOG = "Example: gptbudget gpus 4070ti"


@takes(extra={"name": entry_name("gpus", "Accelerator to show in full.")})
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
