"""Reference data that an estimate stands on, beside the catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from pydantic import model_validator

from gptbudget.specs.base import Count, Fraction, Positive, Spec, Text, YearMonth
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import Stacks


class UtilizationClass(Spec):
    """The MFU that plain PyTorch (on TPU: XLA) was published to reach on a class of hardware."""

    name: Text
    architectures: tuple[Text, ...]
    segments: tuple[Text, ...]
    gpus: tuple[Count, Count]
    """Fewest and most accelerators the figure holds for."""
    parameters: tuple[Positive, Positive] = (1, 1e13)
    """Smallest model, and the size from which it no longer holds."""
    mfu: tuple[Fraction, Fraction]
    """Lowest and highest well-tuned run; 6 N + attention over the full square."""
    sources: tuple[Text, ...]

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name in ("gpus", "parameters", "mfu"):
            low, high = getattr(self, name)
            if low > high:
                msg = f"{name} falls from {low} to {high}"
                raise ValueError(msg)
        return self

    @property
    def middle(self) -> float:
        """The middle of the range."""
        return sum(self.mfu) / 2


class Grid(Spec):
    """How much carbon dioxide a kilowatt-hour of a grid costs."""

    g_per_kwh: Positive
    date: YearMonth
    source: Text


class UtilizationTable(Spec):
    """All utilization classes."""

    classes: tuple[UtilizationClass, ...]


class GridTable(Spec):
    """All grids by name."""

    grids: dict[str, Grid]


@dataclass(frozen=True)
class Evidence:
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
