"""``gptbudget models``: the models of the catalog, or one of them in full."""

from __future__ import annotations

from typing import Annotated

import typer

from gptbudget.cli.options import JOB, Invocation, takes

EPILOG = "Example: gptbudget models gpt2-xl --seq-len 1024"

_NAME = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Model to show in full.")]


@takes({"seq_len": JOB["seq_len"]}, extra={"name": (_NAME, None)})
def command(invocation: Invocation) -> None:
    """The models of the catalog; with a name, parameters and FLOPs of one by component."""
    from gptbudget import api
    from gptbudget.errors import UsageError
    from gptbudget.render.output import write
    from gptbudget.report.models import model_document, models_document

    seq_len, name = api.given_options(invocation.given).seq_len, invocation.extra["name"]
    catalog = api.load_catalog(invocation.catalogs)
    if name is None and seq_len is not None:
        raise UsageError("--seq-len needs a model", "name one, for example gpt2-xl")
    write(
        models_document(catalog.models)
        if name is None
        else model_document(catalog.models.find(name), seq_len),
        invocation.fmt,
    )
