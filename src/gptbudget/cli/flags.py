"""The flags of the command line, made from the table of options.

Values stay text until :class:`gptbudget.specs.options.Options` parses them, as it does for scenario
files. Options that exist only on the command line (output format, files) are defined here.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import typer

from gptbudget.catalog.index import default_stacks, stack_names
from gptbudget.cli import completion
from gptbudget.errors import UsageError
from gptbudget.specs.options import Option

_REPEATABLE: Mapping[str, completion.Complete] = {
    "gpu": completion.entries("gpus", "all", "auto"),
    "model": completion.entries("models"),
}
"""Options that may be given several times, with their completers."""


def flag(name: str, option: Option) -> Any:
    """The typer annotation of an option."""
    takes = "|".join(stack_names()) if name == "stack" else option.takes
    default = option.default.format(**default_stacks()) if name == "stack" else option.default
    kind = list[str] if name in _REPEATABLE else bool if option.is_switch else str
    declared = typer.Option(
        _spelled(name, is_switch=option.is_switch),
        help=option.help,
        metavar=takes or None,
        rich_help_panel=option.group,
        show_default=default or False,
        autocompletion=_REPEATABLE.get(name) or completion.choices(takes),
    )
    return Annotated[kind | None, declared]


def _spelled(name: str, *, is_switch: bool) -> str:
    """Return the flag of an option; a switch also has ``--no-...``, unless it begins so."""
    word = name.replace("_", "-")
    both = is_switch and not name.startswith("no_")
    return f"--{word}/--no-{word}" if both else f"--{word}"


class Invocation(NamedTuple):
    """One parsed command line: the options given, and the output settings."""

    given: dict[str, Any]
    extra: dict[str, Any]
    """Values of parameters that only this command has."""
    fmt: str
    catalogs: tuple[Path, ...]
    html: Path | None = None
    scenario: Path | None = None
    check: bool = False
    explain: str | None = None
    """The number to explain; empty: all of them."""


Parameter = tuple[Any, Any]
"""The typer annotation of a parameter and its default."""

_FORMATS = "table|json|csv|markdown"


def entry_name(section: str, text: str) -> Parameter:
    """The parameter ``[NAME]`` of a command: an entry of a section of the catalog."""
    names = completion.entries(section)
    declared = typer.Argument(metavar="[NAME]", help=text, autocompletion=names)
    return Annotated[str | None, declared], None


def own(kind: Any, *names: str, default: Any = None, **details: Any) -> Parameter:
    """An option that only one command has."""
    return Annotated[kind, typer.Option(*names, **details)], default


def _output(kind: Any, *names: str, **details: Any) -> Parameter:
    return own(kind, *names, rich_help_panel="Output", **details)


_OUTPUT: dict[str, Parameter] = {
    "fmt": _output(
        str,
        "--format",
        "-o",
        metavar=_FORMATS,
        help="Form of the answer.",
        autocompletion=completion.choices(_FORMATS),
        default="table",
    ),
    "catalogs": _output(
        list[Path] | None,
        "--catalog",
        metavar="PATH",
        help="One more catalog file or folder; repeatable.",
    ),
}
"""Parameters of every command."""

_SOME_OUTPUT: dict[str, Parameter] = {
    "html": _output(
        Path | None,
        "--html",
        metavar="FILE",
        help="Write the answer as a page with charts too: a single self-contained file.",
    ),
    "scenario": _output(
        Path | None,
        "--config",
        metavar="FILE",
        help="Scenario file with the same options; command-line flags override it.",
    ),
    "check": _output(
        bool,
        "--check",
        help="Exit with 5 unless every row is known to be feasible.",
        default=False,
    ),
    "explain": _output(
        str | None,
        "--explain",
        metavar="[NAME]",
        help="Formulas of all numbers in short, or of one in full: --explain wall_clock_s.",
        autocompletion=completion.numbers,
    ),
}
"""Parameters of some commands, by name."""


def takes(
    options: Mapping[str, Option] = MappingProxyType({}),
    *output: str,
    extra: Mapping[str, Parameter] = MappingProxyType({}),
) -> Callable[[Callable[[Invocation], None]], Callable[..., None]]:
    """Decorator: turn a function of an :class:`Invocation` into a Typer command.

    ``output`` names further parameters of the output: ``html``, ``scenario``, ``check`` and
    ``explain``. ``extra`` are parameters of this command alone.
    """
    outputs = _OUTPUT | {name: _SOME_OUTPUT[name] for name in output}
    flags = {name: (flag(name, option), None) for name, option in options.items()}
    parameters = {**extra, **flags, **outputs}

    def decorate(function: Callable[[Invocation], None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            if values.get("explain") is not None and values["fmt"] == "csv":
                raise UsageError(
                    "--explain does not work with -o csv", "use json, markdown or table"
                )
            values["catalogs"] = values["catalogs"] or ()
            given = {name: values[name] for name in options if values[name] not in (None, [])}
            function(
                Invocation(
                    {name: _frozen(value) for name, value in given.items()},
                    {name: values[name] for name in extra},
                    **{name: _frozen(values[name]) for name in outputs},
                )
            )

        command.__name__ = function.__name__
        command.__doc__ = function.__doc__
        command.__annotations__ = {name: kind for name, (kind, _) in parameters.items()}
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
                )
                for name, (kind, default) in parameters.items()
            ]
        )
        return command

    return decorate


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
