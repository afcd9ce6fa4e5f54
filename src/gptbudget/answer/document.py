"""``Document`` and ``Table``: the plain data that every command passes to the renderers."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

Data = dict[str, Any]
"""Plain data, as it goes into JSON."""


class Table(NamedTuple):
    """Columns and rows of text, with an optional title."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    right: frozenset[str] = frozenset()
    """Columns whose values are numbers, set flush right."""
    bars: tuple[float | None, ...] = ()
    """Each row's share of the total, drawn as a bar by some formats; ``None`` draws no bar."""


def grid(
    things: Iterable[T],
    columns: Mapping[str, Callable[[T], str]],
    title: str = "",
    words: Collection[str] = (),
) -> Table:
    """Return a table of one row per item; all columns but the first and ``words`` are numbers."""
    rows = tuple(tuple(cell(each) for cell in columns.values()) for each in things)
    return Table(tuple(columns), rows, title, frozenset(list(columns)[1:]) - set(words))


class Document(NamedTuple):
    """An answer ready for printing: headline, tables and notes, and the same as plain data."""

    headline: str
    tables: tuple[Table, ...]
    data: Any
    """The whole answer as plain data, for JSON."""
    records: Sequence[Data]
    """One record per row, for CSV."""
    notes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    """Suggestions shown below the headline; most end with a command to copy."""


def flatten(record: Data, prefix: str = "") -> Data:
    """Flatten a nested record: keys are joined by dots, list items by `` | ``.

    Example:
        >>> flatten({"time": {"mfu": 0.45}, "notes": ["a", "b"]})
        {'time.mfu': 0.45, 'notes': 'a | b'}
    """
    flat: Data = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat.update(flatten(value, f"{name}."))
        elif isinstance(value, list | tuple):
            flat[name] = " | ".join(str(item) for item in value)
        else:
            flat[name] = value
    return flat
