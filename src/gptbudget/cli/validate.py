"""``gptbudget validate``: how wrong we are, against what was measured."""

from __future__ import annotations

from gptbudget.cli.options import Invocation, takes

EPILOG = "Example: gptbudget validate -o json"

_TITLES = ("one GPU", "FSDP")


@takes()
def command(invocation: Invocation) -> None:
    """Our error against PyTorch's own accounting, and against published peaks and outcomes."""
    from gptbudget.render.output import write
    from gptbudget.report.validation.document import validation_document
    from gptbudget.report.validation.pytorch import Measured
    from gptbudget.validation import against_pytorch, against_runs

    measured = [
        Measured(title, found.measured.source, found.measured.what, found.rows)
        for title, found in zip(_TITLES, against_pytorch(invocation.catalogs), strict=True)
    ]
    write(validation_document(measured, against_runs()), invocation.fmt)
