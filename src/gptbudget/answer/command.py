"""A run as the command that asks for it, with changes laid over it."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from gptbudget.catalog.index import AUTO
from gptbudget.run.run import ModelRun, Run
from gptbudget.search.changes import Change
from gptbudget.specs.options import HOST_OPTIONS, OPTIONS
from gptbudget.units import DAY_S

_SAID_BY_OTHERS = frozenset({"data", "epochs"})
"""Options that are part of the tokens of a run, where those are said."""


def command(run: Run, name: str, changes: Iterable[Change] = ()) -> str:
    """The command line that asks for ``run`` with ``changes``; what is default is left out.

    Catalogs that were named for this question are named again.
    """
    changed = {change.option: change.value for change in changes}
    given = {
        option: value
        for option, value in run.values.items()
        if run.asked(option) and not (option in _SAID_BY_OTHERS and run.asked("tokens"))
    }
    if run.origins.get("gpu") == "driver":
        given = {"gpu": AUTO, **given}
    if "optimizer" in changed:
        given.pop("optimizer_impl", None)
    if "method" in changed:
        given.pop("recipe", None)
    if changed.get("offload") == "none":
        given = {name: value for name, value in given.items() if name not in HOST_OPTIONS}
    words = [word for pair in {**given, **changed}.items() for word in _flag(*pair)]
    words += [word for path in run.catalogs for word in ("--catalog", str(path))]
    return shlex.join(["gptbudget", name, *words])


def flags(run: ModelRun, changes: Iterable[Change]) -> str:
    """Changes as they are typed behind the command as it was.

    Adapters stand beside 16-bit weights: a recipe that was given has to be given anew.
    """
    changed = {change.option: change.value for change in changes}
    if "method" in changed and run.asked("recipe") and run.recipe.weight_storage != "pure":
        changed["recipe"] = "pure"
    return shlex.join([word for pair in changed.items() for word in _flag(*pair)])


def option_words(options: Mapping[str, Any]) -> str:
    """Options as they are typed."""
    return shlex.join([word for pair in options.items() for word in _flag(*pair)])


def _flag(option: str, value: Any) -> list[str]:
    name, unit = option.replace("_", "-"), _unit(option)
    if option == "time" and value % DAY_S == 0:
        return ["--time", f"{value / DAY_S:.0f}d"]
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if unit == "B" and value % 2**30 == 0:
        return [f"--{name}", f"{value / 2**30:.0f}GiB"]
    if isinstance(value, float):
        return [f"--{name}", f"{value:.12g}{unit}"]
    return [f"--{name}", str(value)]


def _unit(option: str) -> str:
    """Of a plain number behind a flag."""
    return OPTIONS[option].unit if option in OPTIONS else ""
