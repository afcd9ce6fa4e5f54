"""The ``gptbudget`` command: its commands, and the one place that turns errors into words."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from gptbudget import __version__
from gptbudget.cli import catalog, compare, gpus, models
from gptbudget.errors import GptBudgetError

_BUG = 1
_USAGE = 2
_INTERRUPTED = 130

app = typer.Typer(
    name="gptbudget",
    help="Can this language model be trained on this hardware: compute, memory, time, cost.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("compare", epilog=compare.EPILOG)(compare.command)
app.command("gpus", epilog=gpus.EPILOG)(gpus.command)
app.command("models", epilog=models.EPILOG)(models.command)
app.add_typer(catalog.app, name="catalog")


def _version(value: bool) -> None:  # noqa: FBT001 - the signature typer calls
    if value:
        typer.echo(f"gptbudget {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[  # noqa: FBT002 - the signature typer reads
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Can this language model be trained on this hardware: compute, memory, time, cost."""


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; errors become one line on stderr."""
    try:
        code = app(arguments, standalone_mode=False)
        sys.stdout.flush()
    except GptBudgetError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        return _fail(error.format_message(), _USAGE)
    except BrokenPipeError:
        _close_stdout()
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", _INTERRUPTED)
    except Exception as error:  # the edge of the program: no traceback reaches a user
        if os.environ.get("GPTBUDGET_DEBUG"):
            raise
        return _fail(
            f"this is a bug in gptbudget: {type(error).__name__}: {error}; "
            "set GPTBUDGET_DEBUG=1 to see where, and report it",
            _BUG,
        )
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    line = " ".join(message.split())
    try:
        print(f"gptbudget: error: {line}", file=sys.stderr)
    except BrokenPipeError:
        _close_stdout()
    return code


def _close_stdout() -> None:
    """Let the interpreter exit quietly although nobody reads the output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Entry point of the installed command."""
    sys.exit(run())
