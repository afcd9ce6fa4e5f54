"""Parsers for option values: each takes the raw value and returns the parsed one.

Quantities are accepted as text (``10B``, ``1y``, ``90%``) or as plain numbers. What cannot be read
raises a ``ValueError`` whose message is ``what is wrong: what to do``.
"""

import re
from collections.abc import Callable
from typing import Any, Literal, get_args

from gptbudget import units
from gptbudget.specs.optimizers import OPTIMIZERS

FlopsConvention = Literal[
    "exact",
    "causal",
    "6nd",
    "6nd-no-embedding",
    "palm",
    "megatron",
    "megatron-hardware",
    "chinchilla",
    "llmc",
]
Convention = Literal["6nd", "exact"]
Figure = Literal["allocated", "reserved", "card"]
"""What a published or logged peak is of: tensors, PyTorch's allocator, or all of the card."""
Minimize = Literal["time", "cost", "memory", "gpus", "energy"]
StackName = str


def word(kind: Any) -> Callable[[object], str]:
    """Return a parser that accepts the values of a ``Literal``."""
    return one_of(tuple(map(str, get_args(kind))))


def one_of(known: tuple[str, ...]) -> Callable[[object], str]:
    """Return a parser that accepts one of the given words."""

    def read(raw: object) -> str:
        if isinstance(raw, str) and raw in known:
            return raw
        shown = "a list" if isinstance(raw, tuple | list) else units.quoted(raw)
        raise ValueError(f"{shown} is not known: write one of {', '.join(known)}")

    return read


optimizer = one_of(tuple(OPTIMIZERS))


def text(raw: object) -> str:
    """Parse non-empty text without surrogate characters."""
    if not isinstance(raw, str) or any("\ud800" <= each <= "\udfff" for each in raw):
        shown = units.quoted(raw)
        hint = f"put it in quotes, '{shown}'" if isinstance(raw, int | float) else "write a word"
        raise ValueError(f"text belongs here, not {shown}: {hint}")
    if not raw.strip():
        raise ValueError("is empty: write a value")
    return raw.strip()


def names(raw: object) -> tuple[str, ...]:
    """One name, or several."""
    several = tuple(raw) if isinstance(raw, tuple | list) else (raw,)
    if not several:
        raise ValueError("is empty: write a value")
    return tuple(text(each) for each in several)


def switch(raw: object) -> bool:
    """Yes or no."""
    if not isinstance(raw, bool):
        raise ValueError(f"true or false belongs here, not {units.quoted(raw)}: write one of them")
    return raw


def dropout(raw: object) -> float:
    """A share that may be zero and is less than one."""
    if _is_zero(raw.strip().removesuffix("%") if isinstance(raw, str) else raw):
        return 0.0
    share = units.parse_fraction(raw)
    if share >= 1:
        raise ValueError(f"{units.quoted(raw)} is out of range: write a number less than 1")
    return share


def _is_zero(raw: object) -> bool:
    """Whether it is a zero, which no parser of quantities takes."""
    if isinstance(raw, str):
        return re.fullmatch(r"0+\.?0*|\.0+", raw.strip()) is not None
    return raw == 0 and not isinstance(raw, bool)


def bytes_or_none(raw: object) -> float:
    """An amount of memory that may be zero."""
    return 0.0 if _is_zero(raw) else units.parse_bytes(raw)


def money_or_none(raw: object) -> float:
    """An amount of money that may be nothing."""
    if _is_zero(raw):
        return 0.0
    try:
        return units.parse_amount(raw)
    except ValueError:
        raise ValueError(
            f"{units.quoted(raw)} is not an amount of money: write a number, 0 or more"
        ) from None


def factor(raw: object) -> float:
    """A factor of at least one, such as a power usage effectiveness."""
    value = units.parse_amount(raw)
    if value < 1:
        raise ValueError(f"{units.quoted(raw)} is less than one: write for example 1.1")
    return value


def method(raw: object) -> str:
    """``full``, ``lora``, ``qlora``, or ``frozen:K`` for the first K blocks."""
    said = str(raw)
    kind, colon, layers = said.partition(":")
    if said in {"full", "lora", "qlora"} or (kind == "frozen" and colon and layers.isdecimal()):
        return said
    shown = units.quoted(raw)
    raise ValueError(
        f"{shown} is not a method: write full, lora, qlora, or frozen:8 for the first 8 blocks"
    )


def zero_stage(raw: object) -> int:
    """A ZeRO stage: 0, 1, 2 or 3."""
    said = str(raw).strip()
    if said in {"0", "1", "2", "3"}:
        return int(said)
    raise ValueError(f"{units.quoted(raw)} is not a ZeRO stage: write 0, 1, 2 or 3 (FSDP is 3)")
