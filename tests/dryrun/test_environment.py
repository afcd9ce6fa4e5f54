"""The program's Python and PyTorch: what cannot be used is said in one sentence."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gptbudget.dryrun.environment import find_environment, python_of
from gptbudget.errors import UsageError
from tests.conftest import Cli, assert_refused

FakePython = Callable[..., Path]


@pytest.fixture
def fake_python(tmp_path: Path) -> FakePython:
    """A Python that says what it is told to, with a PyTorch of that version."""

    def make(python: str = "3 11", torch: str | None = "2.13.0", cuda: str | None = "13.0") -> Path:
        folder = tmp_path / "site-packages" / "torch"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "version.py").write_text(
            f"__version__ = '{torch}'\ncuda: Optional[str] = {cuda!r}\n", encoding="utf-8"
        )
        program = tmp_path / "python3"
        where = folder if torch else ""
        program.write_text(f"#!/bin/sh\necho '{python}\n{program}\n{where}'\n", encoding="utf-8")
        program.chmod(0o755)
        return program

    return make


def test_a_python_with_pytorch(fake_python: FakePython) -> None:
    found = find_environment(fake_python(cuda="12.4", torch="2.6.0+cu124"))
    assert (found.torch_version, found.cuda_major) == ("2.6.0+cu124", 12)


@pytest.mark.parametrize(
    ("made", "part"),
    [
        ({"torch": None}, "PyTorch is not installed for"),
        ({"cuda": None}, "is built without CUDA"),
        ({"torch": "2.5.1"}, "dry-run needs PyTorch 2.6 or later"),
        ({"cuda": "11.8"}, "is built for CUDA 11.8"),
        ({"python": "3 9"}, "dry-run needs Python 3.10 or later"),
        ({"python": "no"}, "does not run as a Python"),
    ],
)
def test_what_cannot_be_used(fake_python: FakePython, made: dict[str, str], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        find_environment(fake_python(**made))


@pytest.mark.parametrize(
    ("system", "machine", "libc", "part"),
    [
        ("darwin", "arm64", "", "needs Linux, and this is darwin"),
        ("win32", "AMD64", "", "needs Linux, and this is win32"),
        ("linux", "x86_64", "", "needs glibc"),
        ("linux", "riscv64", "glibc", "needs x86-64, and this is riscv64"),
    ],
)
def test_other_platforms(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: str, part: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, ""))
    monkeypatch.setattr(sys, "platform", system)
    answer = cli("dry-run", "--gpu", "h100", "--python", sys.executable, "--", "python", "train.py")
    assert_refused(answer, 2, part)


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["--gpu", "h100"], 2, "no program is given"),
        (["--", "python", "train.py"], 2, "no --gpu is given"),
        (["--gpu", "h100", "--rank", "last", "--", "python"], 2, "--rank last is no rank"),
        (["--gpu", "h100", "--try", "0", "--rank", "0,1", "--", "python"], 2, "runs one rank"),
        (["--gpu", "h100", "--try", "8-16", "--", "python"], 2, "is no range and no list"),
        (["--gpu", "h100", "--try", "1..2", "--", "python"], 2, "needs a place for its values"),
        (["--gpu", "h1000", "--", "python", "train.py"], 3, "h1000"),
        (["--gpu", "h100", "--", "no-such-program"], 2, "no such program"),
        (["--gpu", "h100", "--", "cat", "train.py"], 2, "is no Python program"),
        (["--gpu", "h100", "--python", "/nowhere", "--", "python"], 2, "does not run as a Python"),
    ],
)
def test_bad_commands(cli: Cli, words: list[str], code: int, part: str) -> None:
    assert_refused(cli("dry-run", *words), code, part)


def test_the_python_of_a_script_is_in_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "torchrun"
    script.write_text(f"#!{sys.executable}\nprint()\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert python_of(("torchrun", "train.py")) == Path(sys.executable)
