"""Fixtures: the command line as a function, free of the environment it runs in."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gptbudget.cli.main import run


@dataclass(frozen=True)
class Result:
    """What one command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, parsed."""
        return json.loads(self.out)


Cli = Callable[..., Result]


def assert_refused(result: Result, code: int, part: str) -> None:
    """One sentence on standard error that says what is wrong and what to do, and nothing else."""
    assert (result.code, result.out) == (code, "")
    assert re.fullmatch(r"gptbudget: error: [^\n]+; [^\n]+\n", result.err), result.err
    assert part in result.err


@pytest.fixture(scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests: it is keyed by content, so that none sees another's files."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, _cache: Path) -> None:
    """No user catalog, a fixed width, no colours."""
    for name in ("GPTBUDGET_CATALOG", "GPTBUDGET_DEBUG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-user-catalog"))
    monkeypatch.setenv("GPTBUDGET_PROFILES", str(tmp_path / "profiles"))
    monkeypatch.setenv("GPTBUDGET_CACHE", str(_cache))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture(scope="session")
def torch_python() -> Path:
    """A Python with PyTorch's CUDA build, to run programs in; ``.ci/run`` sets it up."""
    python = os.environ.get("GPTBUDGET_TORCH_PYTHON")
    if not python:
        pytest.skip("GPTBUDGET_TORCH_PYTHON names no Python with PyTorch's CUDA build")
    return Path(python)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command line in this process: ``cli("compare", "--gpu", "4070ti")``."""

    def call(*arguments: str) -> Result:
        capsys.readouterr()
        code = run(list(arguments))
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call
