"""Reference data used in estimates, other than the catalogs."""

from collections.abc import Mapping
from typing import NamedTuple

from gptbudget.specs.layout import ONE_RANK, Layout
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Stacks


class TimeRange(NamedTuple):
    """A class of runs and its likely range; empty conditions match every run."""

    name: str
    low: float
    high: float
    """Ends of the likely range: 5th and 95th percentile of measured / predicted time."""
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
    """The last class has no conditions and applies if no other does."""
    compared_architectures: frozenset[str]
    compared_gpus: frozenset[str]
    """Accelerators of which published runs were compared."""
    uncompared: tuple[float, float]
    """Factors on the low and high end of the range for accelerators without compared runs."""
    stacks: Stacks


class MeasuredStep(NamedTuple):
    """One training step whose memory was measured with a PyTorch memory tracker."""

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
