"""The few operations that need a choice, on plain numbers or on NumPy arrays alike."""

import math
import operator
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, TypeAlias

Number: TypeAlias = Any
"""A plain number, a NumPy array of them, or a number that remembers how it was made: formulas are
written once for all three."""

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
    """An amount to the nearest whole unit, a half up, element by element.

    A plain number becomes an integer. It is rounded in arithmetic, so that a number that knows how
    it was made can say this too; one that is whole stays as it is.

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

    Python's own sum of plain numbers compensates for what it loses from version 3.12 on, and so
    differs in the last digit from earlier versions and from arrays.

    Example:
        >>> added([0.1] * 10)
        0.9999999999999999
    """
    return reduce(operator.add, amounts, 0)


def about(amount: Number) -> Number:
    """An amount to nine digits, element by element: those that differ by rounding alone are equal.

    Answers are ranked by it, so that of two that are as fast or as cheap none wins by its last bit.

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
    """What all elements of ``condition`` say.

    Raises:
        ValueError: they differ, so that no one program serves all of them.

    Example:
        >>> same_everywhere(2 > 1)
        True
    """
    if any_true(condition) and any_true(condition == 0):
        raise ValueError("cases that differ in kind cannot be elements of one array")
    return any_true(condition)


def tabulate(function: Callable[..., Number], *arguments: Number) -> Number:
    """A function of plain numbers, called once for each element.

    Example:
        >>> tabulate(divmod, 7, 2)
        (3, 1)
    """
    if not any(hasattr(argument, "__array__") for argument in arguments):
        return function(*arguments)
    import numpy as np

    return np.vectorize(function)(*arguments)


def choose(condition: Number, then: Number, otherwise: Number) -> Number:
    """:func:`where` of tuples: one of them as it is where all elements agree, else field by field.

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
