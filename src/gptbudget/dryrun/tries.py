"""The largest value of a program's own option that fits: found by halving, each value run."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gptbudget.dryrun.run import Asked, DryRun
from gptbudget.errors import UsageError

PLACE = "{}"
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_LIST = re.compile(r"\d+(,\d+)*")


class Try(NamedTuple):
    """A value and the run with it."""

    value: int
    run: DryRun


class Tries(NamedTuple):
    """All values that were run, in the order of their runs."""

    tries: tuple[Try, ...]
    best: Try | None
    """The largest that fits; ``None`` where the smallest does not."""
    worse: Try | None
    """The smallest that does not fit, of those that were run."""


def read_values(text: str) -> Sequence[int]:
    """Read ``1..64`` or ``1,2,4,8`` as ascending values.

    Raises:
        UsageError: the text is neither.
    """
    between = _RANGE.fullmatch(text)
    if between and 0 < int(between[1]) <= int(between[2]):
        return range(int(between[1]), int(between[2]) + 1)
    if _LIST.fullmatch(text):
        return sorted({int(part) for part in text.split(",")})
    raise UsageError(f"--try {text} is no range and no list of numbers", "write 1..64 or 1,2,4,8")


def largest_that_fits(
    asked: Asked,
    values: Sequence[int],
    run: Callable[[Asked], DryRun],
    fits: Callable[[DryRun], bool],
) -> Tries:
    """Run the program with the smallest value, the largest, and then those that halve the rest.

    A larger value is taken to need no less memory than a smaller one.

    Raises:
        UsageError: the command has no place for the value.
    """
    if not any(PLACE in word for word in asked.command):
        raise UsageError(
            f"--try needs a place for its values in the command, written {PLACE}",
            f"write --batch-size {PLACE}",
        )
    tries: list[Try] = []

    def holds(value: int) -> bool:
        command = tuple(word.replace(PLACE, str(value)) for word in asked.command)
        tries.append(Try(value, run(asked._replace(command=command))))
        return fits(tries[-1].run)

    low, high = -1, len(values)  # values[low] fits, values[high] does not
    for place in dict.fromkeys((0, len(values) - 1)):
        if low + 1 < high and not holds(values[place]):
            high = place
            break
        low = place
    while high - low > 1 and low >= 0:
        middle = (low + high) // 2
        if holds(values[middle]):
            low = middle
        else:
            high = middle
    by_value = {each.value: each for each in tries}
    return Tries(
        tuple(tries),
        by_value[values[low]] if low >= 0 else None,
        by_value.get(values[high]) if high < len(values) else None,
    )
