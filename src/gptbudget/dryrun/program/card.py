"""The books of the stand-in libraries, which are loaded into this process."""

import ctypes
from pathlib import Path

_LIBRARY = ctypes.CDLL(None)
for _name in ("peak", "pinned", "pinned_peak", "shared_peak"):
    getattr(_LIBRARY, f"dryrun_{_name}_bytes").restype = ctypes.c_size_t
_LIBRARY.dryrun_stood_in.restype = ctypes.c_char_p


def driver_peak_bytes() -> int:
    """The most that was taken from the card at once, as the driver counts."""
    return int(_LIBRARY.dryrun_peak_bytes())


def pinned_bytes() -> tuple[int, int]:
    """Pinned memory of the host: now, and the most at once."""
    return int(_LIBRARY.dryrun_pinned_bytes()), int(_LIBRARY.dryrun_pinned_peak_bytes())


def shared_peak_bytes() -> int:
    """The most of the host's memory that kept no values, as there was no memory behind it."""
    return int(_LIBRARY.dryrun_shared_peak_bytes())


def pageable_peak_bytes() -> int:
    """The most memory of its own that this process has used, or would have."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def functions_without_effect() -> list[str]:
    """The functions that were called and that the stand-ins only pretend to have."""
    names: list[str] = []
    while (name := _LIBRARY.dryrun_stood_in(len(names))) is not None:
        names.append(name.decode())
    return names
