"""The flags of the command line, made from the table of options.

Values stay text until :class:`gptbudget.specs.options.Options` parses them, as it does for scenario
files. What only the command line has (the form of the answer, files) stands here.
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

_OUTPUT = "Output"
_SWITCHES = frozenset({"keep_logits", "double_quant", "sequence_parallel", "no_profile"})
_REPEATABLE: Mapping[str, completion.Complete] = {
    "gpu": completion.gpus,
    "model": completion.models,
}
"""Options that may be given several times, and what a shell offers for them."""


def flag(name: str, option: Option) -> Any:
    """The typer annotation of an option."""
    takes = "|".join(stack_names()) if name == "stack" else option.takes
    default = option.default.format(**default_stacks()) if name == "stack" else option.default
    kind = list[str] if name in _REPEATABLE else bool if name in _SWITCHES else str
    declared = typer.Option(
        _spelled(name),
        help=option.help,
        metavar=takes or None,
        rich_help_panel=option.group,
        show_default=default or False,
        autocompletion=_REPEATABLE.get(name) or completion.choices(takes),
    )
    return Annotated[kind | None, declared]


def _spelled(name: str) -> str:
    """How an option is typed; a switch has an opposite, unless it is one."""
    word = name.replace("_", "-")
    both = name in _SWITCHES and not name.startswith("no_")
    return f"--{word}/--no-{word}" if both else f"--{word}"


class Invocation(NamedTuple):
    """What was typed: the options given, and how the answer is wanted."""

    given: dict[str, Any]
    fmt: str
    catalogs: tuple[Path, ...] = ()
    scenario: Path | None = None
    check: bool = False
    html: Path | None = None
    explain: str | None = None
    """The number to explain; empty: all of them."""
    extra: Mapping[str, Any] = MappingProxyType({})


_FORMAT = Annotated[
    str,
    typer.Option(
        "--format",
        "-o",
        metavar="table|json|csv|markdown",
        help="Form of the answer.",
        rich_help_panel=_OUTPUT,
        autocompletion=completion.choices("table|json|csv|markdown"),
    ),
]
_CATALOG = Annotated[
    list[Path] | None,
    typer.Option(
        "--catalog",
        metavar="PATH",
        help="One more catalog file or folder; repeatable.",
        rich_help_panel=_OUTPUT,
    ),
]
_CONFIG = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Scenario with the same options; flags win over it.",
        rich_help_panel=_OUTPUT,
    ),
]
_CHECK = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Exit with 5 unless every row is known to be feasible.",
        rich_help_panel=_OUTPUT,
    ),
]

_HTML = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Write the answer as a page with charts too: one file that needs nothing else.",
        rich_help_panel=_OUTPUT,
    ),
]
_EXPLAIN = Annotated[
    str | None,
    typer.Option(
        "--explain",
        metavar="[NAME]",
        help="Formulas of all numbers in short, or of one in full: --explain wall_clock_s.",
        rich_help_panel=_OUTPUT,
        autocompletion=completion.numbers,
    ),
]

_OUTPUT_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "fmt": (_FORMAT, "table"),
    "catalogs": (_CATALOG, None),
}
_SCENARIO_PARAMETERS: dict[str, tuple[Any, Any]] = {
    "scenario": (_CONFIG, None),
    "check": (_CHECK, False),
}


def takes(
    options: Mapping[str, Option] = MappingProxyType({}),
    *,
    scenario: bool = False,
    check: bool = True,
    html: bool = False,
    explain: bool = False,
    extra: dict[str, tuple[Any, Any]] | None = None,
) -> Callable[[Callable[[Invocation], None]], Callable[..., None]]:
    """Make a command of a function that wants an :class:`Invocation`.

    ``options`` are its options, ``extra`` further parameters of its own as annotation and
    default, which arrive in ``Invocation.extra``. ``check`` makes an answer of no an exit code,
    ``html`` writes the answer as a page too, ``explain`` offers the formulas behind the numbers.
    """
    own = extra or {}
    asked = {**_SCENARIO_PARAMETERS} if scenario else {}
    if not check:
        asked.pop("check", None)
    page = {"html": (_HTML, None)} if html else {}
    if explain:
        asked["explain"] = (_EXPLAIN, None)
    output = {**_OUTPUT_PARAMETERS, **page, **asked}
    parameters = {
        **own,
        **{name: (flag(name, option), None) for name, option in options.items()},
        **output,
    }

    def decorate(function: Callable[[Invocation], None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            if values.get("explain") is not None and values["fmt"] == "csv":
                raise UsageError("--explain has no place in csv", "use -o json, markdown or table")
            function(
                Invocation(
                    given={
                        name: _given(values[name]) for name in options if _is_given(values[name])
                    },
                    fmt=values["fmt"],
                    catalogs=tuple(values["catalogs"] or ()),
                    scenario=values.get("scenario"),
                    check=values.get("check", False),
                    html=values.get("html"),
                    explain=values.get("explain"),
                    extra={name: values[name] for name in own},
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


def _is_given(value: Any) -> bool:
    return value is not None and value != []


def _given(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
