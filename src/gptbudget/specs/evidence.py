"""Reference data that an estimate stands on, beside the catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Stacks
from gptbudget.specs.time_range import TimeRange


class Grid(NamedTuple):
    """How much carbon dioxide a kilowatt-hour of a grid costs."""

    g_per_kwh: float
    date: str
    source: str


class Evidence(NamedTuple):
    """Everything measured or published that an estimate may use."""

    time_ranges: tuple[TimeRange, ...]
    """The last asks for nothing, and holds where no other does."""
    compared_architectures: frozenset[str]
    compared_gpus: frozenset[str]
    """Accelerators of which published runs were compared."""
    uncompared: tuple[float, float]
    """By what a range is wider for all others: its low end and its high end."""
    stacks: Stacks


class MeasuredStep(NamedTuple):
    """One training step whose memory PyTorch itself accounted for."""

    id: str
    implementation: str
    stack: str
    model: ModelSpec
    recipe: Recipe
    micro_batch: int
    seq_len: int
    phase_bytes: Mapping[str, int]
    """Bytes alive at start, forward peak and end, backward peak and end, optimizer step."""
    peak_bytes: int
    peak_phase: str
    """Where the whole step peaks: ``forward``, ``backward`` or ``optimizer``."""
    layout: Layout = ONE_RANK


Figure = Literal["allocated", "reserved", "card"]
"""What a published peak is: tensors, what the allocator holds, or all in use on the card."""


class PublishedSource(NamedTuple):
    """Where rows of published memory come from."""

    key: str
    title: str
    url: str
    cites: tuple[str, ...]
    """What says the options that the rows themselves do not."""
    assumed: str | None
    border: bool
    """Its rows are one batch size on either side of what a card holds."""


class PublishedMemory(NamedTuple):
    """One published run: its peak, or only that it ran or ran out of memory."""

    id: str
    source: PublishedSource
    model: str
    gpu: str
    options: Mapping[str, Any]
    figure: Figure
    peak_bytes: float | None
    ran: bool
    first_rank: bool
    """The peak is that of the first pipeline stage, not of the worst."""


class LeftOut(NamedTuple):
    """Published rows that cannot be scored."""

    reason: str
    ids: tuple[str, ...]
