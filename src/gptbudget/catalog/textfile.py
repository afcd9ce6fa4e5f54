"""Read a file that a user names: bounded, never waiting, and with a sentence for each fault."""

import os
import stat
from codecs import BOM_UTF8
from pathlib import Path

from gptbudget.errors import FileError

_LARGEST_BYTES = 4_000_000


def read_text(path: Path, wanted: str) -> str:
    """The text of a file; ``wanted`` says in messages what it should have been.

    Raises:
        FileError: it is a folder, a device, too large, not UTF-8, or cannot be read.
    """
    try:
        if path.is_dir():
            raise FileError(f"{path}: is a folder", f"name {wanted}")
        raw = _read_bytes(path, wanted)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise FileError(f"{path}: cannot be read ({reason})", "check the path") from None
    if len(raw) > _LARGEST_BYTES:
        raise FileError(f"{path}: is larger than 4 MB", f"name {wanted}")
    try:
        return raw.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise FileError(f"{path}:{line}: is not UTF-8 text", "save the file as UTF-8") from None


def _read_bytes(path: Path, wanted: str) -> bytes:
    """The first bytes of a file or pipe, never waiting for a device or an idle pipe."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):
            raise FileError(f"{path}: is a device, not a file", f"name {wanted}")
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(stream.fileno(), True)
        return stream.read(_LARGEST_BYTES + 1)
