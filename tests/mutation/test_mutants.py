"""The faults are faults, and who imported a function has them too."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.mutants import mutants, put_into, watched

SOURCE = '''
"""Text."""
BYTES = 2 * 4

def size(width: int = 3, *, wide: bool = False) -> int:
    """Text."""
    assert width > 0
    return BYTES * width if wide else max(width - 1, 0)
'''


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    made = ModuleType("made")
    made.__file__ = str(tmp_path / "made.py")
    exec(compile(SOURCE, made.__file__, "exec"), vars(made))
    return made


def test_every_place_is_changed_but_what_says_nothing() -> None:
    assert [(each.function, each.what) for each in mutants(SOURCE)] == [
        ("", "2 * 4 -> 2 / 4"),
        ("", "2 -> 3"),
        ("", "4 -> 5"),
        ("size", "BYTES * width if wide else max(width - 1, 0) -> "
         "BYTES * width if True else max(width - 1, 0)"),
        ("size", "BYTES * width if wide else max(width - 1, 0) -> "
         "BYTES * width if False else max(width - 1, 0)"),
        ("size", "BYTES * width -> BYTES / width"),
        ("size", "max(width - 1, 0) -> min(width - 1, 0)"),
        ("size", "width - 1 -> width + 1"),
        ("size", "1 -> 2"),
        ("size", "0 -> 1"),
    ]  # fmt: skip


def test_each_is_seen_by_who_imported_the_function(module: ModuleType) -> None:
    size = module.size
    right = (size(), size(wide=True), size(1))
    seen = []
    for mutant in mutants(SOURCE):
        put_into(module, mutant.tree)
        seen.append((size(), size(wide=True), size(1)) != right)
        put_into(module, ast.parse(SOURCE))

    assert all(seen)
    assert (size(), size(wide=True), size(1)) == right


def test_a_call_is_noted(module: ModuleType) -> None:
    called: set[str] = set()
    vars(module)["__called__"] = called
    put_into(module, watched(SOURCE))

    assert module.size(2) == 1
    assert called == {"size"}
