"""``gptbudget catalog``: check files, show where they are read from, print the JSON Schema."""

from pathlib import Path
from typing import Annotated

import typer

from gptbudget.cli.commands import Command, Group
from gptbudget.cli.flags import Invocation, takes

app = typer.Typer(
    cls=Group,
    epilog="Example: gptbudget catalog check my-gpus.yaml",
    help="Check catalog files, show where they are read from, print their JSON Schema.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

_BAD_FILE = 4

_FILES = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FILE]...", help="Catalog files; none: every file that is read."),
]


@app.command("check", cls=Command, epilog="Example: gptbudget catalog check my-gpus.yaml")
@takes(extra={"files": (_FILES, None)})
def check(invocation: Invocation) -> None:
    """Report every error in a catalog file as file:line: key: message."""
    from gptbudget.answer.catalog import check_document
    from gptbudget.catalog.check import check_catalog
    from gptbudget.catalog.paths import catalog_files
    from gptbudget.render.output import write

    files = invocation.extra["files"] or catalog_files(invocation.catalogs)
    faults = {path: check_catalog(path, invocation.catalogs) for path in files}
    write(check_document(faults), invocation.fmt)
    if any(faults.values()):
        raise typer.Exit(_BAD_FILE)


@app.command("path", cls=Command, epilog="Example: gptbudget catalog path")
@takes()
def path(invocation: Invocation) -> None:
    """Show which catalog files are read, in order; a later entry replaces an earlier one."""
    from gptbudget.answer.catalog import paths_document
    from gptbudget.catalog.catalog import load_catalog
    from gptbudget.catalog.paths import user_catalog
    from gptbudget.render.output import write

    write(paths_document(load_catalog(invocation.catalogs), user_catalog()), invocation.fmt)


@app.command(
    "schema", cls=Command, epilog="Example: gptbudget catalog schema > catalog.schema.json"
)
def schema() -> None:
    """Print the JSON Schema of a catalog file, for editors."""
    import json

    from gptbudget.catalog.schema import catalog_schema

    typer.echo(json.dumps(catalog_schema(), indent=2))
