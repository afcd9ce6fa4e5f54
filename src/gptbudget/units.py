"""Parsing and formatting of all quantities that users type or read.

Memory is binary (``GiB`` = 2**30 bytes), and so are lengths of sequences (``4k`` = 4,096 tokens, as
contexts are named); everything else is decimal (``B`` = 10**9, ``4k`` = 4,000 of an amount).
Parsers take text or numbers and raise ``ValueError`` with a sentence that says what to
write instead; formatters show three or four digits.
"""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

DAY_S = 86_400
YEAR_S = 365 * DAY_S
GIB = 2**30

_DECIMAL = {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12, "P": 1e15}
_LENGTH = {"": 1, "k": 2**10, "K": 2**10, "M": 2**20}
_BYTES = {
    **{"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15},
    **{"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50},
}
_SECONDS = {
    **{"s": 1, "min": 60, "h": 3_600, "d": DAY_S, "w": 7 * DAY_S, "y": YEAR_S},
    **{"ms": 1e-3, "days": DAY_S, "years": YEAR_S},  # as format_duration shows them
}

_NUMBER = re.compile(
    r"([+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\d.])\s*(.*)", re.ASCII
)
"""A decimal number, without leading zeros, and whatever stands behind it."""

# Far outside any realistic value; keeps later products finite.
_LARGEST = 1e40
_SMALLEST = 1e-40
_LARGEST_WHOLE = 10**12

_LONGEST_SHOWN = 60

_SMALL_PERCENT = 0.1
_WHOLE_USD = 100
_ROUNDED_USD = 1e6


class PerParameter(NamedTuple):
    """A token count given as a multiple of the parameters: ``20x``."""

    tokens_per_parameter: float


def quoted(raw: object) -> str:
    """Return ``repr`` of the input, shortened."""
    text = repr(raw)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _split(text: str, what: str, example: str) -> tuple[float, str]:
    """Split ``'1.5B'`` into ``(1.5, 'B')``."""
    if "," in text:
        hint = f"write a decimal point, not a comma (for example {example})"
        raise ValueError(f"{quoted(text)} is not {what}: {hint}")
    match = _NUMBER.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{quoted(text)} is not {what}: write for example {example}")
    return float(match[1]), match[2]


def _positive(value: float, shown: object, what: str) -> float:
    if not math.isfinite(value) or value > _LARGEST:
        raise ValueError(f"{quoted(shown)} is too large for {what}: write at most 1e40")
    if value <= 0:
        raise ValueError(f"{quoted(shown)} is not {what}: it must be greater than zero")
    if value < _SMALLEST:
        raise ValueError(f"{quoted(shown)} is too small for {what}: write at least 1e-40")
    return value


def _scaled(
    raw: object, units: Mapping[str, float], default_unit: str, what: str, example: str
) -> float:
    """Parse a number with one of ``units`` behind it; plain numbers are in ``default_unit``."""
    if isinstance(raw, str):
        value, unit = _split(raw, what, example)
    else:
        value, unit = _as_float(raw), default_unit
        if math.isnan(value):
            raise ValueError(f"{quoted(raw)} is not {what}: write for example {example}")
    if unit not in units:
        known = ", ".join(name for name in units if name)
        fault = f"ends in {unit!r}, which is no unit" if unit else "has no unit"
        hint = f"write for example {example} (units are {known})"
        raise ValueError(f"{quoted(raw)} {fault}: {hint}")
    return _positive(value * units[unit], raw, what)


def _as_float(raw: object) -> float:
    """A plain number; NaN for what is none."""
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return math.nan
    try:
        return float(raw)
    except OverflowError:
        return math.inf


def parse_count(raw: object) -> float:
    """Parse an amount of things: ``10B``, ``1.5e9``, ``124M``, ``300``."""
    return _scaled(raw, _DECIMAL, "", "a count", "10B or 1.5e9")


def parse_whole(raw: object) -> int:
    """Parse a whole number of at least one: ``8``, ``1k`` (1,000), ``0.5M``."""
    return _whole(raw, _DECIMAL, "8 or 1024")


def parse_length(raw: object) -> int:
    """Parse a length in tokens: ``2048``, ``4k`` (4,096), ``1M`` (1,048,576)."""
    return _whole(raw, _LENGTH, "1024 or 4k")


def _whole(raw: object, units: Mapping[str, float], example: str) -> int:
    value = _scaled(raw, units, "", "a whole number", example)
    if value != int(value) or value > _LARGEST_WHOLE:
        fault = "is not a whole number" if value <= _LARGEST_WHOLE else "is too large"
        raise ValueError(f"{quoted(raw)} {fault}: write for example {example}")
    return int(value)


def parse_range(raw: object) -> tuple[int, int]:
    """Parse a whole number or a range of them: ``8``, ``1..1024``."""
    first, dots, last = str(raw).partition("..")
    if not dots:
        return (parse_whole(raw), parse_whole(raw))
    low, high = parse_whole(first), parse_whole(last)
    if low > high:
        raise ValueError(f"{quoted(raw)} runs backwards: write {high}..{low}")
    return low, high


def parse_tokens(raw: object) -> float | PerParameter:
    """Parse a token count: ``10B``, or ``20x`` for twenty tokens per parameter."""
    if isinstance(raw, PerParameter):
        return raw
    if isinstance(raw, str) and raw.strip().endswith("x"):
        return PerParameter(_scaled(raw, {"x": 1}, "x", "a number of tokens", "10B or 20x"))
    return _scaled(raw, _DECIMAL, "", "a number of tokens", "10B or 20x")


def parse_bytes(raw: object) -> float:
    """Parse an amount of data in bytes: ``80GiB``, ``40GB``; a unit is required in text."""
    return _scaled(raw, _BYTES, "B", "an amount of memory or data", "80GiB or 40GB")


def parse_duration(raw: object) -> float:
    """Parse a time in seconds: ``1y``, ``90d``, ``12h``; a unit is required in text."""
    return _scaled(raw, _SECONDS, "s", "a time", "1y, 90d or 12h")


def parse_fraction(raw: object) -> float:
    """Parse a share between zero and one: ``90%`` or ``0.9``."""
    value = _scaled(raw, {"": 1, "%": 0.01}, "", "a fraction", "40% or 0.4")
    if value > 1:
        raise ValueError(f"{quoted(raw)} is more than 100%: write for example 40% or 0.4")
    return value


def parse_amount(raw: object) -> float:
    """Parse a positive number with an optional ``k``, ``M`` or ``B``: dollars, watts, prices."""
    return _scaled(raw, _DECIMAL, "", "an amount", "2.50 or 10k")


def format_number(value: float, digits: int = 3) -> str:
    """Show a number with ``digits`` significant digits, no exponent: ``12.6``, ``1,024``."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 12)}f}"


def format_count(value: float, digits: int = 4) -> str:
    """Show an amount with a decimal suffix: ``1.558B``, ``124.4M``; ``1,024`` stays."""
    for suffix, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= max(size, 1e5):
            return f"{format_number(value / size, digits)}{suffix}"
    return format_number(value, digits)


def format_flops(value: float) -> str:
    """Show an amount of floating-point operations: ``1.138e+21 FLOP``."""
    return f"{value:.3e} FLOP".replace("e+", "e")


def format_bytes(value: float) -> str:
    """Show an amount of memory in binary units: ``45.34 GiB``."""
    for suffix, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(value) >= size:
            return f"{value / size:,.2f} {suffix}"
    return f"{value:,.0f} B"


def format_duration(seconds: float) -> str:
    """Show a time in its natural unit: ``41.2 days``, ``1.10 h``, ``300 ms``."""
    for unit, size in (("years", YEAR_S), ("days", DAY_S), ("h", 3_600), ("min", 60), ("s", 1)):
        if seconds >= size and not (unit == "years" and seconds < 2 * YEAR_S):
            return f"{format_number(seconds / size, 3)} {unit}"
    return f"{format_number(seconds * 1e3, 3)} ms"


def format_percent(fraction: float) -> str:
    """Show a share: ``45 %``, ``37.1 %``."""
    percent = fraction * 100
    text = f"{percent:.1f}" if not 0 < percent < _SMALL_PERCENT else f"{percent:.1g}"
    return f"{text.removesuffix('.0')} %"


def format_figure(value: float) -> str:
    """Show a datasheet figure as it stands there: ``12``, ``40.09``, ``1,433,000``."""
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def format_many(count: float, word: str, ending: str = "s") -> str:
    """Show how many of something: ``1 run``, ``224 runs``, ``2.5 micro-batches``."""
    shown = f"{count:,.0f}" if count == int(count) else f"{count:g}"
    return f"{shown} {word}{'' if count == 1 else ending}"


def format_price(usd: float) -> str:
    """Show a price of one unit, to the cent at least and never rounded: ``$2.00``, ``$0.125``."""
    whole, _, cents = f"{usd:,.6f}".rstrip("0").partition(".")
    return f"${whole}.{cents:0<2}"


def format_usd(value: float) -> str:
    """Show dollars: ``$672``, ``$1.2M``, ``$0.35``."""
    if value >= _ROUNDED_USD:
        return f"${format_count(value, 3)}"
    return f"${value:,.0f}" if value >= _WHOLE_USD else f"${value:,.2f}"
