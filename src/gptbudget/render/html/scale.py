"""Axes: map values to pixel positions, and choose tick values and their labels."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from gptbudget import units
from gptbudget.answer.page.page import Axis, Quantity

T = TypeVar("T")

_ZEROS = re.compile(r"\.0+(?=\D|$)|(\.\d*?)0+(?=\D|$)")
"""Zeros behind a decimal point."""

_ROUND = (1, 2, 2.5, 5, 10)
_TIMES: tuple[tuple[float, str], ...] = (
    (1e-3, "1 ms"),
    (1e-2, "10 ms"),
    (1e-1, "100 ms"),
    (1, "1 s"),
    (10, "10 s"),
    (60, "1 min"),
    (600, "10 min"),
    (3600, "1 h"),
    (6 * 3600, "6 h"),
    (units.DAY_S, "1 day"),
    (7 * units.DAY_S, "1 week"),
    (30 * units.DAY_S, "30 days"),
    (120 * units.DAY_S, "120 days"),
    (units.YEAR_S, "1 year"),
    (3 * units.YEAR_S, "3 years"),
    (10 * units.YEAR_S, "10 years"),
    (30 * units.YEAR_S, "30 years"),
    *((10.0**power * units.YEAR_S, f"1e{power} y") for power in range(2, 40)),
)
"""Tick values of a logarithmic time axis."""


_UNITS = (
    ("years", units.YEAR_S),
    ("days", units.DAY_S),
    ("h", 3600),
    ("min", 60),
    ("s", 1),
    ("ms", 1e-3),
    ("us", 1e-6),
)
"""Units of a linear axis of time."""

_NAMED = 1e15
"""Counts below this are written with a suffix (K, M, B, T)."""

_SPARSE = 3
"""With at most this many powers of ten, ticks are added between them."""


class Scale(NamedTuple):
    """Maps values in ``[low, high]`` to positions in ``[start, end]``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the position of a value, clipped to the ends."""
        share = (self._as(value) - self._as(self.low)) / (self._as(self.high) - self._as(self.low))
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def _as(self, value: float) -> float:
        return math.log(value) if self.log else value


def scale_of(
    axis: Axis, values: Iterable[float], start: float, end: float, *, zero: bool = False
) -> Scale:
    """The scale that holds all values, with some room at both ends."""
    shown = list(values)
    low, high = min(shown), max(shown)
    if axis.log:
        room = max((high / low) ** 0.06, 1.15)
        return Scale(low / room, high * room, start, end, log=True)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return Scale(0 if zero else low - room, high + (0 if zero else room), start, end)


def ticks(scale: Scale, quantity: Quantity, most: int) -> list[tuple[float, str]]:
    """Return about ``most`` ticks: round values within the scale, with their labels."""
    if quantity == "seconds":
        if scale.log:
            known = [tick for tick in _TIMES if scale.low <= tick[0] <= scale.high]
            return _thinned(known, most) if len(known) > 1 else _seconds(scale, most)
        return _seconds(scale, most)
    values = _decades(scale, most) if scale.log else _even(scale, quantity, most)
    return [(value, written(value, quantity)) for value in values]


def _seconds(scale: Scale, most: int) -> list[tuple[float, str]]:
    """Return round values in the largest unit that fits once (from minutes on, twice)."""
    unit, size = next(
        (each for each in _UNITS if scale.high >= (2 if each[1] > 1 else 1) * each[1]), _UNITS[-1]
    )
    in_unit = scale._replace(low=scale.low / size, high=scale.high / size)
    return [(value * size, f"{value:g} {unit}") for value in _even(in_unit, "count", most)]


def _decades(scale: Scale, most: int) -> list[float]:
    first, last = math.ceil(math.log10(scale.low)), math.floor(math.log10(scale.high))
    powers = [10.0**power for power in range(first, last + 1)]
    if len(powers) <= _SPARSE:
        factors = (1, 2, 5) if len(powers) < 2 else (1, 3)  # noqa: PLR2004 - one says nothing
        powers = [
            factor * 10.0**power for power in range(first - 1, last + 1) for factor in factors
        ]
        powers = [value for value in powers if scale.low <= value <= scale.high]
    return _thinned(powers, most)


def _even(scale: Scale, quantity: Quantity, most: int) -> list[float]:
    """Multiples of a round step; bytes step by powers of two."""
    step = (scale.high - scale.low) / most
    if quantity == "bytes":
        size = 2.0 ** math.ceil(math.log2(step))
    else:
        power = 10.0 ** math.floor(math.log10(step))
        size = next(factor * power for factor in _ROUND if factor * power >= step * (1 - 1e-9))
    first, last = math.ceil(scale.low / size - 1e-9), math.floor(scale.high / size + 1e-9)
    return [number * size for number in range(first, last + 1)]


def _thinned(values: Sequence[T], most: int) -> list[T]:
    """Return every n-th item, so that at most ``most`` are left."""
    return list(values[:: max(1, math.ceil(len(values) / most))])


def written(value: float, quantity: Quantity) -> str:
    """A value of an axis, short: ``12 GiB``, ``10B``, ``1e21``."""
    shown: Mapping[Quantity, Callable[[float], str]] = {
        "bytes": units.format_bytes,
        "seconds": units.format_duration,
        "share": lambda share: units.format_percent(round(share, 6)),
        "flops": lambda flops: units.format_flops(flops).removesuffix(" FLOP"),
        "loss": units.format_number,
        "count": lambda count: units.format_count(count, 3) if count < _NAMED else f"{count:.3g}",
    }
    return _ZEROS.sub(r"\1", shown[quantity](value)) if value else "0"
