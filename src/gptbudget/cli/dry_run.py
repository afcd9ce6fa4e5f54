"""``gptbudget dry-run``: the user's own program, run without a GPU for its memory."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptbudget.cli import completion
from gptbudget.cli.flags import Invocation, Parameter, takes

if TYPE_CHECKING:
    from gptbudget.dryrun.run import Asked, DryRun

EPILOG = "Example: gptbudget dry-run --gpu 4090 -- python train.py --batch-size 8"

_THE_ANSWER_IS_NO = 5


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
    "gpus": _option(int, "--gpus", "N", "Processes there would be; one of them is run.", min=1),
    "rank": _option(int, "--rank", "R", "The rank that is run; 0 if not given.", min=0),
    "python": _option(Path, "--python", "PATH", "Python to run the program with."),
    "tries": _option(
        str, "--try", "1..64", "Find the largest of these that fits, put where the program has {}."
    ),
    "snapshot": _option(Path, "--snapshot", "FILE", "Write what PyTorch's memory viewer opens."),
    "timeout": _option(float, "--timeout", "SECONDS", "Stop the program after this time.", min=1),
    "allow_writes": _option(
        bool, "--allow-writes", None, "Let it write checkpoints, upload, and log to services."
    ),
}


@takes({}, "check", extra=_EXTRA)
def command(invocation: Invocation) -> None:
    """Run your own training program without a GPU, and show its memory to the byte."""
    from gptbudget.answer.dry_run import dry_run_document, fits, tries_document
    from gptbudget.catalog.catalog import load_catalog
    from gptbudget.dryrun.run import Asked, dry_run, without_limit
    from gptbudget.dryrun.tries import largest_that_fits, read_values
    from gptbudget.errors import UsageError
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
        snapshot=extra["snapshot"],
    )
    if extra["tries"] is None:
        run = dry_run(asked, _say_once)
        _refuse_without_report(run)
        document, good = dry_run_document([(run, without_limit(run))]), fits(run)
        if _failed_by_itself(run):
            write(document, invocation.fmt)
            _refuse_failure(run)
    else:
        tries = largest_that_fits(asked, read_values(extra["tries"]), _one_try, fits)
        document, good = tries_document(tries), tries.best is not None
    write(document, invocation.fmt)
    if invocation.check and not good:
        raise typer.Exit(_THE_ANSWER_IS_NO)


def _refuse_without_report(run: "DryRun") -> None:
    from gptbudget.errors import GptBudgetError

    if not run.report and not run.timed_out:
        raise GptBudgetError(
            f"the program itself ended with exit code {run.exit_code} and left no report",
            "see what it printed above; run it once without dry-run",
        )


def _failed_by_itself(run: "DryRun") -> bool:
    error = run.report.get("error")
    return error is not None and not error["out_of_memory"] and not run.timed_out


def _refuse_failure(run: "DryRun") -> None:
    from gptbudget.errors import GptBudgetError

    error = run.report["error"]
    raise GptBudgetError(
        f"the program itself failed: {error['type']} at {error['line']}", "its traceback is above"
    )


def _one_try(asked: "Asked") -> "DryRun":
    """Run one of several values; a failure that is not for want of memory ends all."""
    from gptbudget.dryrun.run import dry_run

    run = dry_run(asked, _say_once)
    _refuse_without_report(run)
    if _failed_by_itself(run):
        _refuse_failure(run)
    return run


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
