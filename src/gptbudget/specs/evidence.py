"""Reference data that an estimate stands on, beside the catalogs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pydantic import model_validator

from gptbudget.specs.base import Count, Fraction, Positive, Spec, Text, YearMonth
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
