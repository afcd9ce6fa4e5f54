"""Numbers that record the operations that produced them.

The formulas of ``core`` take any kind of number. Called with these, they return the result together
with the operations that produced it: the explanation is the computation, not a second one.

Operations without effect are dropped: adding or subtracting 0, multiplying or dividing by 1.
"""

import operator
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

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

_ARITHMETIC = frozenset({__name__, "gptbudget.core.arrays", "gptbudget.core.parts"})
"""Helper modules: an operation inside them is attributed to their caller."""


class Place(NamedTuple):
    """Where an operation stands in the code."""

    module: str
    function: str
    line: int


Method = Callable[[Any, Any], Any]


def _operator(operation: str) -> tuple[Method, Method]:
    """Return the methods for ``number op other`` and ``other op number``."""
    return (
        lambda self, other: self.tracing.made(operation, self, other),
        lambda self, other: self.tracing.made(operation, other, self),
    )


def _comparison(compare: Callable[[Any, Any], bool]) -> Method:
    return lambda self, other: compare(self.value, plain(other))


@dataclass(eq=False, repr=False)
class Traced:
    """A number together with the operation and operands that produced it.

    The same operation on the same operands in one place returns the same object. Comparison and
    formatting use the value. Instances are unhashable, so that no cache keeps one.
    """

    tracing: "Tracing"
    value: Any
    operation: str
    operands: "tuple[Traced, ...]" = ()
    name: str = ""
    """Name of a leaf; empty for computed numbers."""
    kept: bool = False
    """Whether the number stays in a formula even as a factor of 1."""
    place: Place | None = None
    """Where it was computed."""

    @property
    def function(self) -> str:
        """The function that computed the number; empty for inputs."""
        return self.place.function if self.place else ""

    def __repr__(self) -> str:
        return f"Traced({self.value!r})"

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    __add__, __radd__ = _operator("+")
    __sub__, __rsub__ = _operator("-")
    __mul__, __rmul__ = _operator("*")
    __truediv__, __rtruediv__ = _operator("/")
    __floordiv__, __rfloordiv__ = _operator("//")
    __mod__, __rmod__ = _operator("%")
    __pow__, __rpow__ = _operator("**")
    __lt__, __le__ = _comparison(operator.lt), _comparison(operator.le)
    __gt__, __ge__ = _comparison(operator.gt), _comparison(operator.ge)

    def __neg__(self) -> "Traced":
        return self.tracing.negative(self)

    def __eq__(self, other: object) -> bool:
        return bool(self.value == plain(other))

    __hash__ = None  # type: ignore[assignment]

    def __abs__(self) -> "Traced":
        return -self if self < 0 else self

    def __round__(self) -> Any:
        """Round half to even, written with traced arithmetic."""
        whole = (self + 0.5) // 1
        return whole if whole == round(self.value) else (self - 0.5) // 1

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)


class Tracing:
    """Creates traced numbers; equal ones are created once and shared."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Traced] = {}

    def leaf(self, name: str, value: Any, *, kept: bool = False) -> Traced:
        """Return a named input."""
        return self._once((LEAF, name), value, LEAF, name=name, kept=kept)

    def number(self, value: Any) -> Traced:
        """Wrap a plain number as a constant; traced numbers pass through."""
        if isinstance(value, Traced):
            return value
        value = int(value) if isinstance(value, bool) else value
        return self._once((NUMBER, value), value, NUMBER)

    def negative(self, of: Traced) -> Traced:
        """The number with the other sign."""
        if of.operation == NEGATIVE:
            return of.operands[0]
        if of.operation == NUMBER:
            return self.number(-of.value)
        return self._once((NEGATIVE, id(of)), -of.value, NEGATIVE, of, place=of.place)

    def made(self, operation: str, first: Any, second: Any) -> Traced:
        """Return the traced result of an operation."""
        left, right = self.number(first), self.number(second)
        value = _OPERATIONS[operation](left.value, right.value)
        if left.operation == right.operation == NUMBER:
            return self.number(value)
        shorter = self._shorter(operation, left, right, value)
        if shorter is not None:
            return shorter
        place = _place()
        key = (operation, id(left), id(right), place)
        return self._once(key, value, operation, left, right, place=place)

    def _shorter(self, operation: str, left: Traced, right: Traced, value: Any) -> Traced | None:
        """Return the result if the operation has no effect or gives 0, else ``None``."""
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

    def _once(
        self, key: tuple[Any, ...], value: Any, operation: str, *operands: Traced, **of: Any
    ) -> Traced:
        if key not in self._made:
            self._made[key] = Traced(self, value, operation, operands, **of)
        return self._made[key]


def _place() -> Place:
    """Return the calling function, skipping the helper modules in ``_ARITHMETIC``."""
    frame: Any = sys._getframe(2)  # noqa: SLF001 - the documented way to a caller
    while frame.f_globals.get("__name__") in _ARITHMETIC:
        frame = frame.f_back
    function = frame.f_code.co_qualname.partition(".<locals>")[0]
    return Place(frame.f_globals.get("__name__", ""), function, frame.f_lineno)


def plain(number: Any) -> Any:
    """Return the value of a plain or traced number."""
    return number.value if isinstance(number, Traced) else number
