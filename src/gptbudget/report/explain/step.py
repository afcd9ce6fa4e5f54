"""One step of an explanation, and the formula as text that can be evaluated."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

Origin = Literal["given", "scenario", "driver", "catalog", "default", "assumed", "computed"]
"""Said by the user, on the command line or in a scenario; of a catalog; a default of an option; an
assumption without an option; an earlier step."""


class Input(NamedTuple):
    """A number that a step takes in."""

    name: str
    value: float
    unit: str
    origin: Origin
    source: str


class Step(NamedTuple):
    """A number of the answer: its formula, and everything that is in it."""

    section: str
    name: str
    formula: str
    with_numbers: str
    value: float
    unit: str
    source: str
    inputs: tuple[Input, ...]


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
            case ast.Name(id=name):
                return names[name]
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATIONS[type(op)](of(left), of(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -of(operand)
        raise ValueError(f"{formula!r} is no arithmetic")

    return of(ast.parse(formula, mode="eval"))
