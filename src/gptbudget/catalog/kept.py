"""What files gave, kept from one command to the next, so that they need not be read again.

A file for each thing that is kept, in the user's cache folder, says of which files it was made:
path, size and time of change of each, and of the code that reads them. Nothing needs it: what
cannot be read or was made of other files is made again, and what cannot be written is not kept.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from gptbudget.catalog.paths import at_home

T = TypeVar("T")

_VARIABLE = "GPTBUDGET_CACHE"
_PACKAGE = Path(__file__).parent.parent
_CODE = ("catalog", "specs")


def kept_folder() -> Path:
    """``$GPTBUDGET_CACHE``, else the platform's cache folder."""
    configured = os.environ.get(_VARIABLE)
    if configured:
        return at_home(configured)
    import platformdirs

    return platformdirs.user_cache_path("gptbudget")


def kept(name: str, sources: Iterable[Path], make: Callable[[], T]) -> T:
    """What ``make`` makes of ``sources``, or made of them as they are now; ``None`` is not kept."""
    try:
        made_of = _made_of(sources)  # before they are read: an edit meanwhile must count
    except OSError:
        return make()
    file = kept_folder() / f"{name}.pickle"
    try:
        known, value = pickle.loads(file.read_bytes())  # noqa: S301 - this program's own file
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made again
        known, value = None, None
    if known == made_of:
        return value  # type: ignore[no-any-return]
    made = make()
    if made is not None:
        _keep(file, (made_of, made))
    return made


def _made_of(sources: Iterable[Path]) -> tuple[Any, ...]:
    """What tells one state of the files, the code and its libraries from another."""
    code = (entry for folder in _CODE for entry in os.scandir(_PACKAGE / folder))
    stats = [(entry.name, entry.stat()) for entry in code if entry.name.endswith(".py")]
    stats += [(str(path), path.stat()) for path in sources]
    states = sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
    return (sys.version, pydantic.VERSION, *states)


def _keep(file: Path, what: object) -> None:
    """Write it, whole or not at all; two programs that write at once write the same."""
    part = file.with_suffix(f".{os.getpid()}")
    with suppress(OSError, pickle.PicklingError):
        content = pickle.dumps(what)
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
