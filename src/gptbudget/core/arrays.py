"""Element-wise helpers for plain numbers, NumPy arrays and traced numbers."""

import math
import operator
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, TypeAlias

Number: TypeAlias = Any
"""A plain number, a NumPy array of them, or a traced number (used by ``--explain``). Every formula
works with all three."""

Bytes: TypeAlias = Number
Seconds: TypeAlias = Number
Flops: TypeAlias = Number
Count: TypeAlias = Number


def maximum(first: Number, *others: Number) -> Number:
    """The largest of the arguments, element by element; NumPy is imported only for arrays.

    Example:
        >>> maximum(1.0, 3.0, 2.0)
        3.0
    """
    largest = first
    for other in others:
        if hasattr(largest, "__array__") or hasattr(other, "__array__"):
            import numpy as np

            largest = np.maximum(largest, other)
        else:
            largest = max(largest, other)
    return largest


def minimum(first: Number, second: Number) -> Number:
    """The smaller of the arguments, element by element.

    Example:
        >>> minimum(1.0, 3.0)
        1.0
    """
    return -maximum(-first, -second)


def where(condition: Number, then: Number, otherwise: Number) -> Number:
    """``then`` where ``condition`` holds, else ``otherwise``, element by element.

    Example:
        >>> where(2 > 1, "yes", "no")
        'yes'
    """
    if hasattr(condition, "__array__"):
        import numpy as np

        return np.where(condition, then, otherwise)
    return then if condition else otherwise


def real(number: Number) -> float:
    """Convert to float; arrays and traced numbers pass through.

    Example:
        >>> real(3)
        3.0
    """
    value: float = number * 1.0
    return value


def whole(amount: Number) -> Number:
    """Round to the nearest whole number, halves up, element by element.

    A plain number becomes an integer. A traced number is rounded with traced arithmetic, so that
    the rounding appears in the explanation; whole numbers are unchanged.

    Example:
        >>> whole(2.5), whole(2.4), whole(3)
        (3, 2, 3)
    """
    if isinstance(amount, int):
        return amount
    if isinstance(amount, float):
        return math.floor(amount + 0.5)
    if hasattr(amount, "__array__"):
        import numpy as np

        return np.floor(amount + 0.5)
    return amount if amount % 1 == 0 else (amount + 0.5) // 1


def added(amounts: Iterable[Number]) -> Number:
    """The sum of amounts, one after the other, element by element.

    From version 3.12, Python's ``sum`` of floats uses compensated summation, so its last digit
    differs from earlier versions and from arrays.

    Example:
        >>> added([0.1] * 10)
        0.9999999999999999
    """
    return reduce(operator.add, amounts, 0)


def about(amount: Number) -> Number:
    """Round to about nine digits, so that values that differ only by rounding errors are equal.

    Used for ranking: equally fast or cheap results must not be ordered by their last bit.

    Example:
        >>> about(0.1 + 0.2) == about(0.3)
        True
    """
    if hasattr(amount, "__array__"):
        import numpy as np

        share, power = np.frexp(amount)
        return np.ldexp(np.round(share, 9), power)
    share, power = math.frexp(amount)
    return math.ldexp(round(share, 9), power)


def exponential(power: Number) -> Number:
    """``e`` to a power, element by element.

    Example:
        >>> exponential(0.0)
        1.0
    """
    if hasattr(power, "__array__"):
        import numpy as np

        return np.exp(power)
    return math.exp(power)


def any_true(condition: Number) -> bool:
    """Whether ``condition`` holds, of arrays for any element.

    Example:
        >>> any_true(2 > 1)
        True
    """
    return bool(condition.any()) if hasattr(condition, "__array__") else bool(condition)


def same_everywhere(condition: Number) -> bool:
    """Return the common truth value of all elements of ``condition``.

    Raises:
        ValueError: the elements differ.

    Example:
        >>> same_everywhere(2 > 1)
        True
    """
    if any_true(condition) and any_true(condition == 0):
        raise ValueError("cases that differ in kind cannot be elements of one array")
    return any_true(condition)


def tabulate(function: Callable[..., Number], *arguments: Number) -> Number:
    """Call a function of plain numbers once per element of its array arguments.

    Example:
        >>> tabulate(divmod, 7, 2)
        (3, 1)
    """
    if not any(hasattr(argument, "__array__") for argument in arguments):
        return function(*arguments)
    import numpy as np

    return np.vectorize(function)(*arguments)


def choose(condition: Number, then: Number, otherwise: Number) -> Number:
    """:func:`where` of tuples: one of them unchanged if all elements agree, else field by field.

    Example:
        >>> choose(2 > 1, (1, 2), (3, 4))
        (1, 2)
    """
    if not any_true(condition):
        return otherwise
    if not any_true(condition == 0):
        return then
    if isinstance(then, tuple):
        fields = (choose(condition, *pair) for pair in zip(then, otherwise, strict=True))
        return type(then)(*fields) if hasattr(then, "_fields") else tuple(fields)
    return where(condition, then, otherwise)
