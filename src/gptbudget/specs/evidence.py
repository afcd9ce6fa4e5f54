"""Reference data that an estimate stands on, beside the catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Stacks


class UtilizationClass(NamedTuple):
    """The MFU that plain PyTorch (on TPU: XLA) was published to reach on a class of hardware."""

    name: str
    architectures: tuple[str, ...]
    segments: tuple[str, ...]
    gpus: tuple[int, int]
    """Fewest and most accelerators the figure holds for."""
    mfu: tuple[float, float]
    """Lowest and highest well-tuned run; 6 N + attention over the full square."""
    sources: tuple[str, ...]
    parameters: tuple[float, float] = (1, 1e13)
    """Smallest model, and the size from which it no longer holds."""

    @property
    def middle(self) -> float:
        """The middle of the range."""
        return sum(self.mfu) / 2


class Grid(NamedTuple):
    """How much carbon dioxide a kilowatt-hour of a grid costs."""

    g_per_kwh: float
    date: str
    source: str


class Evidence(NamedTuple):
    """Everything measured or published that an estimate may use."""

    utilization: tuple[UtilizationClass, ...]
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
