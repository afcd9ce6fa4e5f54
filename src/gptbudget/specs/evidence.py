"""Reference data that an estimate stands on, beside the catalogs."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Stacks

Figure = Literal["allocated", "reserved", "card"]
"""What a published peak is: tensors, what the allocator holds, or all in use on the card."""


class TimeRange(NamedTuple):
    """A class of runs; an absent condition always holds."""

    name: str
    low: float
    high: float
    """10th and 90th percentile of measured over predicted time."""
    evidence: str
    architectures: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    gpus: tuple[int, int] = (1, 10**9)
    experts: bool = False
    cut: bool = False
    """Matrices or layers are cut: tensor or pipeline parallelism."""


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
