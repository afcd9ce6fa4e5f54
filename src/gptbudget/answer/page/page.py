"""A page as plain data: the answer, its parts with figures and tables, notes and sources."""

from typing import Literal, NamedTuple

from gptbudget.answer.document import Table

Quantity = Literal["share", "seconds", "flops", "count", "loss", "bytes"]
"""What an axis measures, in base units; determines how its numbers are formatted."""


class Amount(NamedTuple):
    """A labelled value and its text."""

    label: str
    value: float
    text: str


class Bill(NamedTuple):
    """Parts that sum to a whole, against a limit where there is one."""

    label: str
    parts: tuple[Amount, ...]
    total: Amount
    limit: Amount | None = None


class Stacked(NamedTuple):
    """Bills as stacked bars: on one axis, or each against its own limit."""

    title: str
    quantity: Quantity
    bills: tuple[Bill, ...]
    each_its_own: bool = False


class Mark(NamedTuple):
    """A labelled point of a chart and its text."""

    label: str
    x: float
    y: float
    text: str
    main: bool = False
    """Whether this is the answer; other marks are for comparison."""


class Rule(NamedTuple):
    """A line across a chart at one value of an axis."""

    label: str
    value: float


class Axis(NamedTuple):
    """One axis of a chart: label, quantity and scale."""

    label: str
    quantity: Quantity
    log: bool = False


class Curve(NamedTuple):
    """A line of a chart."""

    label: str
    points: tuple[tuple[float, float], ...]


class Band(NamedTuple):
    """A range of the horizontal axis."""

    label: str
    low: float
    high: float


class Chart(NamedTuple):
    """A curve and points over two axes."""

    title: str
    x: Axis
    y: Axis
    curve: Curve
    marks: tuple[Mark, ...] = ()
    horizontal_line: Rule | None = None
    """At a value of the vertical axis."""
    vertical_line: Rule | None = None
    """At a value of the horizontal axis."""
    band: Band | None = None
    caption: str = ""


class Range(NamedTuple):
    """A value and how far it may be off."""

    label: str
    value: float
    low: float | None
    high: float | None
    text: str
    spread: str = ""
    """The ends in words."""


class Ranges(NamedTuple):
    """Values with their ranges on one axis, one a row."""

    title: str
    axis: Axis
    rows: tuple[Range, ...]
    limit: Rule | None = None


Figure = Stacked | Chart | Ranges


class Part(NamedTuple):
    """One part of the page."""

    title: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    beside: bool = False
    """The tables are small, and stand beside each other."""
    folded: bool = False
    """Whether the part is collapsed until the reader opens it."""


class Page(NamedTuple):
    """Everything that one page shows."""

    title: str
    feasible: bool | None
    headline: str
    facts: tuple[Amount, ...]
    """The few numbers that are read first."""
    advice: tuple[str, ...]
    parts: tuple[Part, ...]
    version: str = ""
    """Version of gptbudget."""
