"""No name of a stack or an optimizer stands in the code outside the table that loads it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import gptbudget
from gptbudget.catalog.index import stack_names
from gptbudget.specs.command_options import (
    FIT_OPTIONS,
    LOGGED_OPTIONS,
    PLAN_OPTIONS,
    READING_OPTIONS,
)
from gptbudget.specs.optimizers import OPTIMIZERS
from gptbudget.specs.stack import AttentionKind
from gptbudget.specs.values import FlopsConvention

PACKAGE = Path(gptbudget.__file__).parent
TABLE = PACKAGE / "specs" / "optimizers.py"
LAUNCHERS = PACKAGE / "dryrun" / "program" / "launchers.py"
"""Commands that start programs; one is called like a stack."""
NAMES = {*stack_names(), *OPTIMIZERS}

OTHER_MEANINGS = {
    "eager": set(get_args(AttentionKind)) - {"eager"},
    "megatron": set(get_args(FlopsConvention)) - {"megatron"},
    "torchtitan": {"nanoGPT", "Megatron-LM"},
}
"""Words that are something else too, a kind of attention, a count of FLOPs and a program whose
flags are written, and what such a word stands beside."""


def _constants(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.Constant]]:
    """Every text of a module, with the expression around it."""
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, ast.Constant) and isinstance(child.value, str):
                yield parent, child


def _means_something_else(word: str, around: ast.AST) -> bool:
    if word == "eager" and isinstance(around, ast.Compare):
        return ast.unparse(around.left) in {"recipe.attention", "kind"}
    beside = {node.value for node in ast.walk(around) if isinstance(node, ast.Constant)}
    return bool(OTHER_MEANINGS.get(word, set()) & beside)


def test_names_stand_in_their_tables_alone() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{constant.lineno}: {constant.value}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path not in (TABLE, LAUNCHERS)
        for around, constant in _constants(ast.parse(path.read_text(encoding="utf-8")))
        if constant.value in NAMES and not _means_something_else(constant.value, around)
    ]
    assert not found


def test_a_name_of_other_programs_means_one_option() -> None:
    every = {**FIT_OPTIONS, **PLAN_OPTIONS, **READING_OPTIONS, **LOGGED_OPTIONS}
    meant: dict[str, set[str]] = {}
    for name, option in every.items():
        for synonym in option.also.split():
            meant.setdefault(synonym, set()).add(name)
    assert {synonym: names for synonym, names in meant.items() if len(names) > 1} == {}
    assert not meant.keys() & every.keys()
