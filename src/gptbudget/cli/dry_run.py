"""``gptbudget dry-run``: run the user's program without a GPU, to measure its memory."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptbudget.cli import completion
from gptbudget.cli.flags import Invocation, Parameter, takes

if TYPE_CHECKING:
    from gptbudget.dryrun.run import Asked, DryRun

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
    "rank": _option(
        str, "--rank", "R|stages", "Rank to run; if not given, 0 and the first of each stage."
    ),
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


@takes({}, "html", "check", extra=_EXTRA)
def command(invocation: Invocation) -> None:
    """Run your own training program without a GPU, and show its memory to the byte."""
    from gptbudget.answer.dry_run import dry_run_document, fits, tries_document
    from gptbudget.catalog.catalog import load_catalog
    from gptbudget.dryrun.ranks import STAGES, read_ranks
    from gptbudget.dryrun.run import Asked, without_limit
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
        python=extra["python"],
        timeout_s=extra["timeout"],
        allow_writes=extra["allow_writes"],
        snapshot=extra["snapshot"],
    )
    if extra["tries"] is None:
        runs = _of_ranks(asked, extra["rank"] or STAGES)
        document, good = (
            dry_run_document([(run, without_limit(run)) for run in runs]),
            all(map(fits, runs)),
        )
    else:
        ranks = read_ranks(extra["rank"] or "0")
        if len(ranks) > 1:
            raise UsageError("--try runs one rank", "name it with --rank")
        asked = asked._replace(rank=ranks[0])
        tries = largest_that_fits(asked, read_values(extra["tries"]), _one_try, fits)
        runs = [tries.tries[-1].run]
        document, good = tries_document(tries), tries.best is not None
    if invocation.html is None:
        write(document, invocation.fmt)
    else:
        from gptbudget import __version__
        from gptbudget.answer.page.dry_run import dry_run_page
        from gptbudget.render.html.page import write_with_page

        page = dry_run_page(document)._replace(version=__version__)
        write_with_page(document, invocation.fmt, page, invocation.html)
    if _failed_by_itself(runs[-1]):
        _refuse_failure(runs[-1])
    if invocation.check and not good:
        raise typer.Exit(_EXIT_NOT_SATISFIED)


def _of_ranks(asked: "Asked", text: str) -> list["DryRun"]:
    """Run the ranks that are asked for; of a pipeline the first of each stage."""
    from gptbudget.dryrun.ranks import STAGES, first_ranks, read_ranks, stages_of
    from gptbudget.dryrun.run import dry_run

    ranks = (0,) if text == STAGES else read_ranks(text)
    runs: list[DryRun] = []
    for rank in ranks:
        runs.append(dry_run(asked._replace(rank=rank), _say_once))
        _refuse_without_report(runs[-1])
        if _failed_by_itself(runs[-1]):
            return runs
    if text == STAGES:
        world = runs[0].report.get("world_size") or 1
        further = first_ranks(stages_of(asked.command), world)[1:]
        if further:
            runs += _of_ranks(asked, ",".join(map(str, further)))
    return runs


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
        f"the program itself failed: {error['type']} at {error['line'] or 'no line of its own'}",
        "its traceback is above",
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
