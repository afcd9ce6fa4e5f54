"""Forgiving names: case and punctuation do not matter, everything else does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from gptbudget.errors import UnknownNameError
from gptbudget.units import parse_count

EVERY, AUTO = "all", "auto"
"""What stands for every accelerator on the command line, and for those of this machine."""

_MOST_SHOWN = 8
_NUMBER_BEGINS = frozenset("+-.0123456789")


_BETWEEN = re.compile(r"(?<![0-9])\.|\.(?![0-9])|[^\w.]|_")
"""What does not count in a name."""


def normalized(name: str) -> str:
    """Reduce a name to letters and digits, of any script: ``RTX 4070 Ti`` is ``rtx4070ti``.

    A decimal point stays, since ``gpt3-1.3b`` and ``gpt3-13b`` are two.
    """
    return _BETWEEN.sub("", name.casefold())


def is_key(name: str) -> bool:
    """Whether an entry may have this key: what no shell takes for more than a word."""
    return re.fullmatch(r"[\w.+-]+", name) is not None


def is_size(name: str) -> bool:
    """Whether a name reads as a number of parameters, such as ``1.5B`` or ``124439808``."""
    if name[:1] not in _NUMBER_BEGINS:
        return False
    try:
        parse_count(name)
    except ValueError:
        return False
    return True


def is_config_path(name: str) -> bool:
    """Whether a model's name is meant as a file: it has a path separator or ends in .json."""
    return "/" in name or "\\" in name or name.endswith(".json")


def resolve(name: str, index: Mapping[str, str], kind: str, command: str) -> str:
    """Find the key that ``name`` stands for in ``index`` (normalized name to key).

    Raises:
        UnknownNameError: nothing has the name, or it only begins several; lists the nearest.
    """
    wanted = normalized(name)
    if wanted in index:
        return index[wanted]
    begun = _keys(index, (key for key in index if wanted and key.startswith(wanted)))
    if len(begun) > 1:
        raise UnknownNameError(
            f"{kind} {name!r} is ambiguous: {_listed(begun)}", f"name one (all: {command})"
        )
    import difflib  # only for the unhappy path

    nearest = begun or _keys(index, difflib.get_close_matches(wanted, index, n=12, cutoff=0.5))
    what = f"no {kind} is called {name!r}"
    if nearest:
        raise UnknownNameError(f"{what}: nearest are {_listed(nearest)}", f"all: {command}")
    raise UnknownNameError(what, f"see the list with {command}")


def _keys(index: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(index[name] for name in names))


def _listed(keys: list[str]) -> str:
    shown = ", ".join(keys[:_MOST_SHOWN])
    return shown if len(keys) <= _MOST_SHOWN else f"{shown}, ..."
