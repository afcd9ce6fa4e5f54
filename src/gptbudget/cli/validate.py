"""``gptbudget validate``: errors of the estimates on measured and published runs."""

from pathlib import Path
from typing import Any

from gptbudget.cli.flags import Invocation, own, takes

EPILOG = "Example: gptbudget validate --run llmc-gpt2-1558m-8h100"

_RUNS = "Score the runs of this file, which has the schema of ours."
_EXTRA = {
    "run": own(str | None, "--run", metavar="ID", help="One published run in full, part by part."),
    "runs": own(Path | None, "--runs", metavar="FILE", help=_RUNS),
    "cross": own(
        bool,
        "--cross",
        default=False,
        help="Show the stored leave-one-source-out cross-validation.",
    ),
}


@takes(extra=_EXTRA)
def command(invocation: Invocation) -> None:
    """Show the errors of estimates on published runs, and against PyTorch's memory trackers."""
    from gptbudget.errors import UsageError
    from gptbudget.render.output import write

    name, runs, cross = (invocation.extra[key] for key in ("run", "runs", "cross"))
    if cross and (name or runs):
        raise UsageError("--cross prints a stored result", "drop --run and --runs")
    write(_document(name, runs, invocation, cross=cross), invocation.fmt)


def _document(name: str | None, runs: Path | None, invocation: Invocation, *, cross: bool) -> Any:
    from gptbudget.evidence.validate import against_pytorch, against_runs, one_run

    if cross:
        from gptbudget.answer.cross_validation import cross_document
        from gptbudget.evidence.cross import load_cross

        return cross_document(load_cross())
    if name:
        from gptbudget.answer.published_run import run_document

        return run_document(one_run(name, runs, invocation.catalogs))
    from gptbudget.answer.validation import validation_document

    measured = [] if runs else against_pytorch(invocation.catalogs)
    return validation_document(measured, against_runs(runs, invocation.catalogs if runs else ()))
