"""Nothing is written that nothing uses: each name of the package is read somewhere in it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import gptbudget
from gptbudget.answer.quantities import QUANTITIES

PACKAGE = Path(gptbudget.__file__).parent

CALLED_BY_OTHERS = {
    *gptbudget.__all__,
    *("command", "EPILOG", "app"),  # the program, by the name of the module
    "_repr_markdown_",  # notebooks
    *("ascend_resolver", "descend_resolver"),  # PyYAML
    *("format_help", "parse_args"),  # Typer
    *("add", "check", "compare_set", "delete_key", "num_keys", "set_timeout", "timeout", "wait"),
    "run_backward",  # these and the line above: PyTorch
    "find_spec",  # Python's imports
    *(quantity.key.rpartition(".")[2] for quantity in QUANTITIES if quantity.get is None),
}
VALIDATORS = {"field_validator", "model_validator"}


def read_in(tree: ast.AST, modules: set[str]) -> tuple[Counter[str], Counter[str]]:
    """Names that are read, of a module too, and attributes; a string in ``__all__`` is neither."""
    names: Counter[str] = Counter()
    attributes: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            names[node.id] += 1
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            attributes[node.attr] += 1
            names[node.attr] += isinstance(node.value, ast.Name) and node.value.id in modules
    return names, attributes


def imported(tree: ast.Module) -> set[str]:
    found = (each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom))
    return {name.asname or name.name for each in found for name in each.names}


def decorators(node: ast.FunctionDef) -> set[str]:
    return {name for each in node.decorator_list for name in read_in(each, set())[0]}


def globals_of(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Functions, classes and constants of a module."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((name.id, node) for name in targets if isinstance(name, ast.Name))
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node


def methods_of(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else []
        methods = (each for each in inner if isinstance(each, ast.FunctionDef))
        yield from ((each.name, each) for each in methods if not decorators(each) & VALIDATORS)


def test_every_name_is_read() -> None:
    trees = {p: ast.parse(p.read_text(encoding="utf-8")) for p in PACKAGE.rglob("*.py")}
    modules = {p: imported(tree) for p, tree in trees.items()}
    names, attributes = Counter[str](), Counter[str]()
    for path, tree in trees.items():
        more, further = read_in(tree, modules[path])
        names, attributes = names + more, attributes + further
    unread = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path, tree in trees.items()
        for position, found in enumerate((globals_of(tree), methods_of(tree)))
        for name, node in found
        if (names, attributes)[position][name] == read_in(node, modules[path])[position][name]
        and not (name.startswith("__") or name in CALLED_BY_OTHERS)
    }
    assert unread == set()
