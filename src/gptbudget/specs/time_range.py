"""How far measured times of published runs lie from predicted ones, by class."""

from __future__ import annotations

from typing import NamedTuple


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
