"""The Python of the program and the PyTorch in it: found without importing either."""

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from gptbudget.errors import UsageError

_OLDEST_TORCH = (2, 6)
_OLDEST_PYTHON = (3, 10)
_CUDA_MAJORS = (12, 13)
_INSTALL = "pip install --no-deps torch brings the CUDA build; no GPU and no CUDA are needed"

_ASK = """
import sys, importlib.util
spec = importlib.util.find_spec("torch")
print(*sys.version_info[:2])
print(sys.executable)
print(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else "")
"""


class Environment(NamedTuple):
    """Where the program runs."""

    python: Path
    python_version: tuple[int, int]
    torch_folder: Path
    torch_version: str
    cuda_major: int

    def own_libraries(self) -> list[Path]:
        """The shared libraries of PyTorch."""
        return sorted((self.torch_folder / "lib").glob("*.so*"))

    def libraries_beside(self) -> list[Path]:
        """Those of the packages beside PyTorch: extensions may call CUDA themselves."""
        return [
            path
            for package in sorted(self.torch_folder.parent.iterdir())
            if package.is_dir() and package.name not in {"torch", "nvidia"}
            for path in sorted(package.rglob("*.so*"))
            if path.is_file()
        ]

    def sources(self) -> list[Path]:
        """C files that Triton compiles against the driver when it starts."""
        return sorted((self.torch_folder.parent / "triton/backends/nvidia").glob("*.c"))


def find_environment(python: Path) -> Environment:
    """The environment of ``python``.

    Raises:
        UsageError: it cannot be used for a dry run; says what is needed.
    """
    _refuse_platform(sys.platform, platform.machine(), platform.libc_ver()[0])
    try:
        answer = subprocess.run(  # noqa: S603 - the user's own Python, as the user named it
            [str(python), "-c", _ASK], capture_output=True, text=True, check=True, timeout=60
        ).stdout.splitlines()
        version = tuple(int(part) for part in answer[-3].split())
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        raise UsageError(
            f"{python} does not run as a Python", "name the program's own with --python PATH"
        ) from None
    if version < _OLDEST_PYTHON:
        raise UsageError(
            f"dry-run needs Python 3.10 or later for the program; {python} is "
            f"{version[0]}.{version[1]}",
            "name another with --python PATH",
        )
    if not answer[-1]:
        raise UsageError(f"PyTorch is not installed for {python}", _INSTALL)
    return _with_torch(Path(answer[-2]), (version[0], version[1]), Path(answer[-1]))


def _refuse_platform(system: str, machine: str, libc: str) -> None:
    if system != "linux":
        raise UsageError(
            f"dry-run needs Linux, and this is {system}", "run it in a container or a WSL shell"
        )
    if libc != "glibc":
        raise UsageError(
            "dry-run needs glibc, as PyTorch's CUDA build does, and this system has another libc",
            "run it in a container of Debian, Ubuntu or the like",
        )
    if machine not in {"x86_64", "aarch64"}:
        raise UsageError(f"dry-run needs x86-64, and this is {machine}", "run it elsewhere")


def _with_torch(python: Path, version: tuple[int, int], folder: Path) -> Environment:
    text = (folder / "version.py").read_text(encoding="utf-8")
    torch, cuda = _value(text, "__version__"), _value(text, "cuda")
    numbers = tuple(int(part) for part in re.findall(r"\d+", torch or "0")[:2])
    if numbers < _OLDEST_TORCH:
        raise UsageError(
            f"dry-run needs PyTorch 2.6 or later; {python} has {torch}", "pip install -U torch"
        )
    if cuda is None:
        raise UsageError(f"the PyTorch of {python} ({torch}) is built without CUDA", _INSTALL)
    major = int(cuda.split(".")[0])
    if major not in _CUDA_MAJORS:
        raise UsageError(
            f"the PyTorch of {python} is built for CUDA {cuda}; dry-run knows 12 and 13", _INSTALL
        )
    return Environment(python, version, folder, torch or "", major)


def _value(text: str, name: str) -> str | None:
    """The value of a name in PyTorch's ``version.py``."""
    found = re.search(rf"^{name}\b[^=\n]*= '([^']*)'", text, re.MULTILINE)
    return found[1] if found else None


def python_of(words: tuple[str, ...]) -> Path:
    """The Python that the command line of a program runs in.

    That is its first word where it is a Python, else the one of the script that the word names:
    ``torchrun``, ``accelerate``, ``litgpt`` begin with the line that says which.

    Raises:
        UsageError: the first word is no program.
    """
    name = words[0]
    found = shutil.which(name)
    if found is None:
        raise UsageError(f"{name}: no such program", "write the command as you launch it")
    if is_python(name):
        return Path(found)
    with Path(found).open("rb") as file:
        first = file.readline(4096).decode("utf-8", "replace").strip()
    if first.startswith("#!") and "python" in first:
        return Path(first[2:].split()[-1] if first.startswith("#!/usr/bin/env") else first[2:])
    raise UsageError(
        f"{name} is no Python program", "write the command that it runs: python train.py ..."
    )


def is_python(word: str) -> bool:
    """Whether a word of a command line is a Python."""
    return re.fullmatch(r"python(\d+(\.\d+)?)?", Path(word).name) is not None
