"""A complete question: every value an estimate needs, and where each came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gptbudget.specs.evidence import UtilizationClass
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import Convention, StackName
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import BlockMemory

Origin = Literal["given", "scenario", "catalog", "default"]


@dataclass(frozen=True)
class NamedGpu:
    """An accelerator and its key in the catalog."""

    key: str
    spec: GpuSpec


@dataclass(frozen=True)
class NamedModel:
    """A model and its key in the catalog."""

    key: str
    spec: ModelSpec


@dataclass(frozen=True)
class BareSize:
    """A number of parameters without a shape, such as ``1.5B``."""

    key: str
    parameters: float


@dataclass(frozen=True)
class FlopsAmount:
    """An amount of compute that stands in for model and tokens."""

    flops: float


Work = NamedModel | BareSize | FlopsAmount


@dataclass(frozen=True)
class Require:
    """What must hold beside fitting and finishing in time."""

    fits: bool | None = None
    max_wall_clock_s: float | None = None
    max_cost_usd: float | None = None
    min_ratio: float | None = None


@dataclass(frozen=True)
class TrainingRun:
    """One accelerator type and one piece of work, ready to be estimated."""

    gpu: NamedGpu
    gpus: int
    usable_bytes: float | None
    work: Work
    tokens: float | None
    horizon_s: float
    seq_len: int | None
    micro_batch: int | None
    global_batch_tokens: int | None
    peak_flops_per_s: float
    recipe: Recipe
    stack: StackName
    stack_title: str
    block: BlockMemory | None
    block_is_upper_bound: bool
    convention: Convention
    utilization: float | None
    utilization_class: UtilizationClass | None
    goodput: float
    price_usd_per_hour: float | None
    kwh_price_usd: float | None
    power_w: float | None
    pue: float
    grid_g_per_kwh: float | None
    require: Require
    origins: Mapping[str, Origin]
    values: Mapping[str, Any]
    """The options as they apply to this run, by option name, for showing."""
    notes: tuple[str, ...] = ()
