"""``gptbudget dry-run``: run the user's program without a GPU, to measure its memory."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from gptbudget.cli import completion
from gptbudget.cli.flags import Invocation, Parameter, takes

EPILOG = "Example: gptbudget dry-run --gpu 4090 -- python train.py --batch-size 8"

_EXIT_NOT_SATISFIED = 5


def _option(kind: Any, name: str, metavar: str | None, text: str, **details: Any) -> Parameter:
    default = False if kind is bool else None
    declared = typer.Option(name, metavar=metavar, help=text, rich_help_panel="Dry run", **details)
    return Annotated[kind if kind is bool else kind | None, declared], default


_PROGRAM = Annotated[
    list[str] | None,
    typer.Argument(metavar="PROGRAM", help="The command line that launches the program."),
]
_GPUS = completion.entries("gpus")
_EXTRA: dict[str, Parameter] = {
    "program": (_PROGRAM, None),
    "gpu": _option(str, "--gpu", "NAME", "The card to run on.", autocompletion=_GPUS),
    "gpus": _option(int, "--gpus", "N", "Number of processes; only one of them is run.", min=1),
    "rank": _option(int, "--rank", "R", "The rank that is run; 0 if not given.", min=0),
    "python": _option(Path, "--python", "PATH", "Python to run the program with."),
    "timeout": _option(float, "--timeout", "SECONDS", "Stop the program after this time.", min=1),
    "allow_writes": _option(
        bool, "--allow-writes", None, "Let it write checkpoints, upload, and log to services."
    ),
}


@takes({}, "check", extra=_EXTRA)
def command(invocation: Invocation) -> None:
    """Run your own training program without a GPU, and show its memory to the byte."""
    from gptbudget.answer.dry_run import dry_run_document
    from gptbudget.catalog.catalog import load_catalog
    from gptbudget.dryrun.run import Asked, dry_run, without_limit
    from gptbudget.errors import GptBudgetError, UsageError
    from gptbudget.render.output import write

    extra = invocation.extra
    if not extra["gpu"]:
        raise UsageError("no --gpu is given", "name the card to run on: --gpu 4090")
    asked = Asked(
        command=tuple(extra["program"] or ()),
        gpu=load_catalog(invocation.catalogs).gpus.find(extra["gpu"]).spec,
        gpus=extra["gpus"],
        rank=extra["rank"] or 0,
        python=extra["python"],
        timeout_s=extra["timeout"],
        allow_writes=extra["allow_writes"],
    )
    run = dry_run(asked, _say_once)
    if not run.report and not run.timed_out:
        raise GptBudgetError(
            f"the program itself ended with exit code {run.exit_code} and left no report",
            "see what it printed above; run it once without dry-run",
        )
    document = dry_run_document([(run, without_limit(run))])
    write(document, invocation.fmt)
    error = run.report.get("error")
    if error and not error["out_of_memory"] and not run.timed_out:
        raise GptBudgetError(
            f"the program itself failed: {error['type']} at {error['line']}",
            "its traceback is above",
        )
    if invocation.check and document.data["results"][0]["memory"]["fits"] is not True:
        raise typer.Exit(_EXIT_NOT_SATISFIED)


def _say_once() -> None:
    """Say before the first run what dry-run does with a program."""
    from gptbudget.catalog.cache import cache_folder

    marker = cache_folder() / "dry-run-said"
    if marker.exists():
        return
    typer.echo(
        "dry-run runs your program on this machine, as you wrote it, until its second optimizer "
        "step. It keeps it from writing checkpoints, uploading and logging to services; "
        "--allow-writes lets it.",
        err=True,
    )
    with suppress(OSError):
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
