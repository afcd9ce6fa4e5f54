"""A complete question: every value an estimate needs, and where each came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from gptbudget.specs.evidence import UtilizationClass
from gptbudget.specs.gpu import GpuSpec
from gptbudget.specs.model import ModelSpec
from gptbudget.specs.options import Convention, StackName
from gptbudget.specs.recipe import Recipe
from gptbudget.specs.stack import BlockMemory

Origin = Literal["given", "scenario", "catalog", "default"]


class NamedGpu(NamedTuple):
    """An accelerator and its key in the catalog."""

    key: str
    spec: GpuSpec


class NamedModel(NamedTuple):
    """A model and its key in the catalog."""

    key: str
    spec: ModelSpec


class BareSize(NamedTuple):
    """A number of parameters without a shape, such as ``1.5B``."""

    key: str
    parameters: float


class FlopsAmount(NamedTuple):
    """An amount of compute that stands in for model and tokens."""

    flops: float


Work = NamedModel | BareSize | FlopsAmount


class Require(NamedTuple):
    """What must hold beside fitting and finishing in time."""

    fits: bool | None = None
    max_wall_clock_s: float | None = None
    max_cost_usd: float | None = None
    min_ratio: float | None = None


class TrainingRun(NamedTuple):
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
