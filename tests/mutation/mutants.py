"""Small faults to put into a module: another operator, bound, branch, number or word.

Left alone is what says nothing about the answer: docstrings, annotations, assertions, the fields
of a class and names of parts.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult, ast.Mod: ast.Mult},
    **{ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd},
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In},
}
_CALLS = {"max": "min", "min": "max", "maximum": "minimum", "minimum": "maximum"}
_ALONE = (ast.Import, ast.ImportFrom, ast.Assert, ast.AnnAssign)


class Mutant(NamedTuple):
    """One fault: the function or method it is in (empty: none), its line, and that line with it."""

    function: str
    line: int
    what: str
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """Every fault of the kinds known here, one at a time."""
    whole = ast.parse(source)
    for number, (function, node) in enumerate(_nodes(whole)):
        for change in _changes(node):
            tree = copy.deepcopy(whole)
            twin = [each for _, each in _nodes(tree)][number]
            before = ast.unparse(twin)
            change(twin)
            ast.fix_missing_locations(tree)
            yield Mutant(function, node.lineno, f"{before} -> {ast.unparse(twin)}", tree)


def _nodes(tree: ast.AST, function: str = "") -> Iterator[tuple[str, Any]]:
    """Every expression and branch below ``tree``, with the function it is in."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, _ALONE) or _is_text(child):
            continue
        if isinstance(child, ast.FunctionDef):
            for statement in child.body:
                inside = ast.Module([statement], [])
                yield from _nodes(
                    inside, function if "(" in function else f"{function}{child.name}("
                )
        elif isinstance(child, ast.ClassDef):
            for statement in child.body:
                if isinstance(statement, ast.FunctionDef):
                    yield from _nodes(ast.Module([statement], []), f"{child.name}.")
        else:
            if isinstance(child, ast.expr | ast.If):
                yield function.removesuffix("("), child
            yield from _nodes(child, function)


def _is_text(node: ast.AST) -> bool:
    """A docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(node: Any) -> Iterator[Callable[[Any], None]]:
    """What may be done to one node."""
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in _OPERATORS:
        yield lambda twin: setattr(twin, "op", _OPERATORS[type(twin.op)]())
    if isinstance(node, ast.Compare):
        yield lambda twin: twin.ops.__setitem__(0, _OPERATORS[type(twin.ops[0])]())
    if isinstance(node, ast.IfExp | ast.If):
        yield lambda twin: setattr(twin, "test", ast.Constant(value=True))
        yield lambda twin: setattr(twin, "test", ast.Constant(value=False))
    if isinstance(node, ast.UnaryOp):
        yield _without_sign
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        number = not isinstance(node.value, bool)
        yield lambda twin: setattr(twin, "value", twin.value + 1 if number else not twin.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield lambda twin: setattr(twin.func, "id", _CALLS[twin.func.id])


def _without_sign(twin: ast.UnaryOp) -> None:
    """``-x`` as ``+x``, and ``not x`` as ``not not x``."""
    if isinstance(twin.op, ast.Not):
        twin.operand = ast.UnaryOp(ast.Not(), twin.operand)
    else:
        twin.op = ast.UAdd()


def watched(source: str) -> ast.Module:
    """The module with functions that add their names to ``__called__``, a set it must be given."""
    tree = ast.parse(source)
    classes = [(node.body, f"{node.name}.") for node in tree.body if isinstance(node, ast.ClassDef)]
    for body, prefix in [(tree.body, ""), *classes]:
        for each in body:
            if isinstance(each, ast.FunctionDef):
                first = ast.parse(f"__called__.add({prefix + each.name!r})").body
                each.body = [*first, *each.body]
    return ast.fix_missing_locations(tree)


def put_into(module: ModuleType, tree: ast.Module) -> None:
    """Let every function of ``module`` do what it does in ``tree``, and set its numbers anew.

    The functions themselves stay, so that who imported them has the fault too.
    """
    compiled = compile(tree, module.__file__ or "", "exec")
    codes = {code.co_qualname: code for code in _codes(compiled)}
    for holder in (vars(module), *_classes(module)):
        for each in list(holder.values()):
            function = _function(each)
            if function is not None and function.__module__ == module.__name__:
                function.__code__ = codes[function.__qualname__]
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and _is_number(statement.value):
            exec(compile(ast.Module([statement], []), "", "exec"), vars(module))


def _is_number(value: ast.expr) -> bool:
    """A constant in figures."""
    parts = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)
    return all(isinstance(node, parts) for node in ast.walk(value))


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _classes(module: ModuleType) -> Iterator[dict[str, Any]]:
    for each in vars(module).values():
        if isinstance(each, type) and each.__module__ == module.__name__:
            yield dict(vars(each))


def _function(value: Any) -> FunctionType | None:
    """The plain function behind a method, a property or a cache."""
    value = getattr(value, "fget", value)
    value = getattr(value, "__wrapped__", value)
    return value if isinstance(value, FunctionType) else None
