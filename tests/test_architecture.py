"""The layers of the package and its public surface."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from importlinter import cli as importlinter

import gptbudget

ROOT = Path(__file__).parents[1]


def test_layers_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    code = importlinter.lint_imports(no_cache=True)
    assert code == importlinter.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_formulas_add_alike_on_every_python() -> None:
    """Python's own sum compensates from 3.12 on; ``added`` does not, and arrays do not."""
    core = Path(gptbudget.__file__).parent / "core"
    found = [
        f"{path.name}: {line}"
        for path in core.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"(?<![\w.])f?sum\(", line)
    ]
    assert not found


def test_public_names_are_exact() -> None:
    assert list(gptbudget.__all__) == sorted(gptbudget.__all__)
    for name in gptbudget.__all__:
        assert getattr(gptbudget, name) is not None


def test_what_is_listed_is_public() -> None:
    assert dir(gptbudget) == gptbudget.__all__


def test_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = gptbudget.nonsense
