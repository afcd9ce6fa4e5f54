"""Numbers that remember how they were made.

The formulas of ``core`` take any kind of number. Handed these, they give back their result and, in
it, the operations that led there: an explanation is what was computed, not a second account of it.

What changes nothing is left out: adding or subtracting 0, multiplying with or dividing by 1.
"""

import operator
from collections.abc import Callable
from typing import Any

_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}

LEAF, NUMBER, NEGATIVE = "leaf", "number", "negative"


class Traced:
    """A number with the operation and the operands that made it.

    Two that were made alike in one :class:`Tracing` are one object. They compare as their values
    do, and cannot be hashed, so that no cache keeps one.
    """

    __slots__ = ("kept", "name", "operands", "operation", "tracing", "value")

    def __init__(
        self,
        tracing: "Tracing",
        value: Any,
        operation: str,
        operands: "tuple[Traced, ...]" = (),
        *,
        name: str = "",
        kept: bool = False,
    ) -> None:
        self.tracing = tracing
        self.value = value
        self.operation = operation
        self.operands = operands
        self.name = name
        """Of a leaf."""
        self.kept = kept
        """Shown as a factor of 1 too."""

    def __repr__(self) -> str:
        return f"Traced({self.value!r})"

    def __add__(self, other: Any) -> "Traced":
        return self.tracing.made("+", self, other)

    def __radd__(self, other: Any) -> "Traced":
        return self.tracing.made("+", other, self)

    def __sub__(self, other: Any) -> "Traced":
        return self.tracing.made("-", self, other)

    def __rsub__(self, other: Any) -> "Traced":
        return self.tracing.made("-", other, self)

    def __mul__(self, other: Any) -> "Traced":
        return self.tracing.made("*", self, other)

    def __rmul__(self, other: Any) -> "Traced":
        return self.tracing.made("*", other, self)

    def __truediv__(self, other: Any) -> "Traced":
        return self.tracing.made("/", self, other)

    def __rtruediv__(self, other: Any) -> "Traced":
        return self.tracing.made("/", other, self)

    def __floordiv__(self, other: Any) -> "Traced":
        return self.tracing.made("//", self, other)

    def __rfloordiv__(self, other: Any) -> "Traced":
        return self.tracing.made("//", other, self)

    def __mod__(self, other: Any) -> "Traced":
        return self.tracing.made("%", self, other)

    def __pow__(self, other: Any) -> "Traced":
        return self.tracing.made("**", self, other)

    def __rpow__(self, other: Any) -> "Traced":
        return self.tracing.made("**", other, self)

    def __neg__(self) -> "Traced":
        return self.tracing.negative(self)

    def __eq__(self, other: object) -> bool:
        return bool(self.value == plain(other))

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < plain(other))

    def __le__(self, other: Any) -> bool:
        return bool(self.value <= plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.value > plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.value >= plain(other))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)


class Tracing:
    """Makes traced numbers, each one once."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Traced] = {}

    def leaf(self, name: str, value: Any, *, kept: bool = False) -> Traced:
        """A number that has a name and was not computed."""
        return self._once((LEAF, name), value, LEAF, name=name, kept=kept)

    def number(self, value: Any) -> Traced:
        """A number as it stands in a formula."""
        return self._once((NUMBER, value), value, NUMBER)

    def negative(self, of: Traced) -> Traced:
        """The number with the other sign."""
        if of.operation == NEGATIVE:
            return of.operands[0]
        if of.operation == NUMBER:
            return self.number(-of.value)
        return self._once((NEGATIVE, id(of)), -of.value, NEGATIVE, (of,))

    def made(self, operation: str, first: Any, second: Any) -> Traced:
        """The result of an operation."""
        left, right = self._of(first), self._of(second)
        value = _OPERATIONS[operation](left.value, right.value)
        if left.operation == right.operation == NUMBER:
            return self.number(value)
        return self._shorter(operation, left, right, value) or self._once(
            (operation, id(left), id(right)), value, operation, (left, right)
        )

    def _shorter(self, operation: str, left: Traced, right: Traced, value: Any) -> Traced | None:
        """The result where the operation changes nothing, or leaves nothing."""
        if value == 0 and operation != "-":
            return self.number(value)
        if operation in {"+", "-"} and right.value == 0:
            return left
        if operation == "+" and left.value == 0:
            return right
        if operation in {"*", "/", "//", "**"} and right.value == 1 and not right.kept:
            return left if operation != "//" or value == left.value else None
        if operation == "*" and left.value == 1 and not left.kept:
            return right
        return None

    def _of(self, number: Any) -> Traced:
        return number if isinstance(number, Traced) else self.number(number)

    def _once(
        self,
        key: tuple[Any, ...],
        value: Any,
        operation: str,
        operands: tuple[Traced, ...] = (),
        *,
        name: str = "",
        kept: bool = False,
    ) -> Traced:
        found = self._made.get(key)
        if found is None:
            found = Traced(self, value, operation, operands, name=name, kept=kept)
            self._made[key] = found
        return found


def plain(number: Any) -> Any:
    """The value of a number of either kind."""
    return number.value if isinstance(number, Traced) else number
