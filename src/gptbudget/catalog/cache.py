"""Cache parsed files as JSON in the user's cache folder.

An entry is plain data preceded by a SHA-256 digest of its sources, so that any edit invalidates it.
The cache is optional: entries that are damaged, outdated or owned by another user are ignored, and
failures to write are ignored.
"""

import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

from gptbudget.catalog.paths import user_path, write_whole

_LARGEST_BYTES = 32_000_000
_CHECK_BYTES = 8


def cache_folder() -> Path:
    """``$GPTBUDGET_CACHE``, else the platform's cache folder."""
    return user_path("GPTBUDGET_CACHE", "cache")


def cached(path: Path, made_of: str, readers: tuple[Path, ...], make: Callable[[], Any]) -> Any:
    """The cached value for ``path`` if ``made_of`` is unchanged, else that of ``make``, cached.

    ``readers`` are the source files of the code behind ``make``; editing them also invalidates the
    entry.
    """
    try:
        digest = digest_of(_code(readers), made_of)
        entry = cache_folder() / f"{path.stem}-{crc32(os.fsencode(path.absolute())):08x}.json"
        stored = _read(entry, digest)
    except (OSError, ValueError, TypeError, RecursionError):
        return make()
    if stored is not None:
        return stored[0]
    made = make()
    body = json.dumps([made]).encode()
    with suppress(OSError):
        write_whole(entry, digest.encode() + _check(body) + body)
    return made


def digest_of(*texts: str) -> str:
    """Return a SHA-256 digest of ``texts``, in hexadecimal."""
    digest = sha256()
    for text in texts:
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d\n%s" % (len(raw), raw))
    return digest.hexdigest()


@cache
def _code(readers: tuple[Path, ...]) -> str:
    """A digest of source files."""
    return digest_of(*(reader.read_text(encoding="utf-8") for reader in readers))


def _check(body: bytes) -> bytes:
    """Return a CRC-32 checksum, to detect damaged entries."""
    return b"%08x" % crc32(body)


def _read(entry: Path, digest: str) -> tuple[Any, ...] | None:
    """Return the value of an entry in a 1-tuple; ``None`` if it is missing, damaged or outdated."""
    try:
        raw = _read_own(entry)
    except OSError:
        return None
    start = len(digest)
    check, body = raw[start : start + _CHECK_BYTES], raw[start + _CHECK_BYTES :]
    if raw[:start] != digest.encode() or check != _check(body):
        return None
    return _as_tuple(json.loads(body, object_hook=_with_tuples))


def _read_own(entry: Path) -> bytes:
    """The bytes of a regular file of this user; never of a link, and it never blocks.

    Raises:
        OSError: it is not there, or is something else.
    """
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    with os.fdopen(os.open(entry, flags), "rb") as file:
        status = os.fstat(file.fileno())
        own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
        if not own or not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_BYTES:
            raise FileNotFoundError(entry)
        return file.read()


def _with_tuples(data: dict[str, Any]) -> dict[str, Any]:
    for key, value in data.items():
        if type(value) is list:
            data[key] = _as_tuple(value)
    return data


def _as_tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_as_tuple(each) if type(each) is list else each for each in values)
