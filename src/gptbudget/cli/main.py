"""The ``gptbudget`` program: its commands, and the one place that prints errors."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from gptbudget import __version__
from gptbudget.cli import completion
from gptbudget.cli.commands import Command, Group
from gptbudget.errors import GptBudgetError, printable

_BUG = 1
_USAGE = 2
_INTERRUPTED = 130

_COMMANDS = (
    "compare", "memory", "fit", "plan", "dry-run", "gpus", "models", "validate", "calibrate",
)  # fmt: skip
"""Names of the commands; each is a module of this package with ``command`` and ``EPILOG``."""


def application(arguments: list[str]) -> typer.Typer:
    """Return the program; if ``arguments`` name a command, only that one is imported."""
    app = typer.Typer(
        name="gptbudget",
        help="Estimate if hardware can train a language model: compute, memory, time, cost.",
        cls=Group,
        epilog="Example: gptbudget compare --gpu 4070ti --model gpt2-xl",
        no_args_is_help=True,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    named = arguments[0] if arguments else ""
    every = named not in {*_COMMANDS, "catalog", "--version"}
    for name in _COMMANDS:
        if every or name == named:
            module = import_module(f"gptbudget.cli.{name.replace('-', '_')}")
            app.command(name, cls=Command, epilog=module.EPILOG)(module.command)
    if every or named == "catalog":
        app.add_typer(import_module("gptbudget.cli.catalog").app, name="catalog")
    return app


def _version(value: bool) -> None:  # noqa: FBT001 - the signature typer calls
    if value:
        typer.echo(f"gptbudget {__version__}")
        raise typer.Exit


def _root(
    _: Annotated[  # noqa: FBT002 - the signature typer reads
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Estimate if hardware can train a language model: compute, memory, time, cost."""


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; errors become one line on stderr."""
    try:
        arguments = sys.argv[1:] if arguments is None else arguments
        app = application(completion.words() if completion.is_asked() else arguments)
        code = app(arguments, prog_name="gptbudget", standalone_mode=False)
        sys.stdout.flush()
    except GptBudgetError as error:
        return _fail(str(error), error.exit_code, error.attachment)
    except typer.TyperException as error:
        return _misused(error)
    except (BrokenPipeError, SystemExit) as end:
        return _closed(end)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", _INTERRUPTED)
    except Exception as error:  # the edge of the program: no traceback reaches a user
        if os.environ.get("GPTBUDGET_DEBUG"):
            raise
        return _fail(_unexpected(error), _BUG)
    known = {None: 0, 1: _USAGE}  # typer ends with 1 where it does not know a shell
    return int(known.get(code, code))


def _closed(end: BaseException) -> int:
    """Return the exit code after a completion or a closed pipe."""
    if isinstance(end, SystemExit) and completion.is_asked():
        return int(end.code or 0)
    _close_stdout()
    return 0


def _unexpected(error: Exception) -> str:
    if isinstance(error, OSError):  # files that are read have been explained already
        return (
            f"the answer cannot be written: {error.strerror or error}; check where the output goes"
        )
    return (
        f"this is a bug in gptbudget: {type(error).__name__}: {error}; "
        "set GPTBUDGET_DEBUG=1 to see where, and report it"
    )


def _misused(error: typer.TyperException) -> int:
    """Print what is wrong with the command line, or the help if no command is given."""
    if error.message.startswith("Usage: "):
        typer.echo(error.message.rstrip())
        return _USAGE
    return _fail(_message(error), _USAGE)


def _message(error: typer.TyperException) -> str:
    """Return Typer's error in our form: ``what is wrong; what to do``."""
    what, _, meant = error.message.rstrip(".?").partition(". Did you mean ")
    names = meant or " or ".join(getattr(error, "possibilities", None) or ())
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "gptbudget"
    hint = f"did you mean {names}?" if names else f"see {command} --help"
    known = _known_alias(getattr(error, "option_name", "").strip("-"))
    if known and context and known in {each.name for each in context.command.params}:
        hint = f"it is --{known.replace('_', '-')} here"
    return f"{what[:1].lower()}{what[1:]}; {hint}"


def _known_alias(name: str) -> str | None:
    """Return our option for a name used by other programs, or ``None``."""
    from gptbudget.specs.command_options import FIT_OPTIONS
    from gptbudget.specs.options import OPTIONS, called

    return called(name, {**OPTIONS, **FIT_OPTIONS})


def _fail(message: str, code: int, attachment: str = "") -> int:
    try:
        print(f"gptbudget: error: {printable(message)}", file=sys.stderr)
        if attachment:
            print(attachment.rstrip(), file=sys.stderr)
    except BrokenPipeError:
        _close_stdout()
    return code


def _close_stdout() -> None:
    from gptbudget.render.output import discard_output

    discard_output()


def main() -> None:
    """Run the command line of the process, and end it."""
    for name in ("stdout", "stderr"):  # closed by the caller
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    sys.exit(run())
