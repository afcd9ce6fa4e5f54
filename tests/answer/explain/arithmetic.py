"""What the formula of an explanation comes to."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

_OPERATIONS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}


def evaluated(formula: str, values: Mapping[str, float] | None = None) -> Any:
    """What a formula comes to, of numbers alone or with the values of its names.

    Raises:
        ValueError: it is more than arithmetic.

    Example:
        >>> evaluated("6 * parameters * tokens", {"parameters": 1.5e9, "tokens": 10e9})
        9e+19
    """
    names = values or {}

    def of(node: ast.AST) -> Any:
        match node:
            case ast.Expression(body=body):
                return of(body)
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name() | ast.Attribute():
                return names[ast.unparse(node)]
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATIONS[type(op)](of(left), of(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -of(operand)
        raise ValueError(f"{formula!r} is no arithmetic")

    return of(ast.parse(formula, mode="eval"))
