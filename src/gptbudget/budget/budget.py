"""A budget and the compute-optimal model for it."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gptbudget.budget.laws import Allocation, allocations, optimum
from gptbudget.budget.optimum import OnHardware, optimum_on
from gptbudget.budget.shapes import DEFAULT_CONTEXT, LARGEST_SHAPE, candidates
from gptbudget.core.chinchilla import predicted_loss
from gptbudget.core.parameters import count_parameters
from gptbudget.errors import UsageError
from gptbudget.run.complete import complete_model_run
from gptbudget.run.estimate import cost_of
from gptbudget.run.run import ModelRun, NamedModel, Origin, Setting
from gptbudget.specs.command_options import PlanOptions

_NEAREST = 3
_ANY_SIZE = 1e9


class Budget(NamedTuple):
    """The budget in FLOPs and, if hardware is given, in time and money."""

    flops: float
    """Counted as 6ND."""
    seconds: float | None = None
    gpu_hours: float | None = None
    usd: float | None = None


class Nearest(NamedTuple):
    """A model of the catalog near the optimum, on the same compute."""

    key: str
    parameters: int
    tokens: float
    loss: float


class Plan(NamedTuple):
    """The optimum for a budget, all laws, the nearest models, and the plan on hardware."""

    options: PlanOptions
    origins: Mapping[str, Origin]
    budget: Budget
    optimum: Allocation
    laws: list[Allocation]
    nearest: list[Nearest]
    hardware: OnHardware | None
    shape: NamedModel | None
    """A shape near the optimum; with hardware, the one chosen for it."""

    @property
    def epochs(self) -> float | None:
        """Epochs over ``--unique-tokens``; ``None`` if not given."""
        unique = self.options.unique_tokens
        return None if unique is None else self.optimum.tokens / unique

    @property
    def feasible(self) -> bool | None:
        """Whether the shape can be trained on the hardware, with an offload where needed."""
        return None if self.hardware is None else self.hardware.trained.fits

    @property
    def nothing_fits(self) -> bool:
        """Whether hardware is given and no model of any size fits it."""
        hardware = self.hardware
        smaller = hardware and (hardware.best_that_fits or hardware.best_with_offload)
        return self.feasible is False and smaller is None


def plan_flops(
    options: PlanOptions, origins: Mapping[str, Origin], models: Iterable[NamedModel]
) -> Plan:
    """Plan an amount of FLOPs without hardware."""
    assert options.flops is not None
    best = optimum(options.flops)
    offered = None
    if best.parameters <= LARGEST_SHAPE:
        offered = candidates(best.parameters, options.seq_len or DEFAULT_CONTEXT)[0]
    return _plan(options, origins, Budget(options.flops), best, models, shape=offered)


def plan_on(setting: Setting, options: PlanOptions, models: Iterable[NamedModel]) -> Plan:
    """Plan a budget of time, money or FLOPs on one accelerator type.

    Raises:
        UsageError: a budget of money on hardware without a price, or options that cannot be.
    """
    # Any model: the number of GPUs and their price do not depend on it.
    model = candidates(_ANY_SIZE, setting.options.seq_len or DEFAULT_CONTEXT)[0]
    changes = {"tokens": _ANY_SIZE, "flops": None, "model": (model.key,)}
    run = complete_model_run(setting.changed(changes), model)
    price = cost_of(run.cost, 1, 3600).usd
    if options.cost is not None:
        in_time = setting.options.changed(time=_seconds_for(options.cost, price, run))
        setting = setting._replace(options=in_time)
    hardware = optimum_on(setting)
    best = hardware.optimum
    seconds = setting.options.time
    if seconds is None:
        seconds = hardware.trained.way.time.wall_clock_s
    spent = cost_of(run.cost, run.gpus, seconds)
    budget = Budget(6 * best.parameters * best.tokens, seconds, spent.gpu_hours, spent.usd)
    shape = hardware.trained.model
    return _plan(options, setting.origins, budget, best, models, shape, hardware)


def _plan(
    options: PlanOptions,
    origins: Mapping[str, Origin],
    budget: Budget,
    best: Allocation,
    models: Iterable[NamedModel],
    shape: NamedModel | None,
    hardware: OnHardware | None = None,
) -> Plan:
    laws = allocations(budget.flops, options.unique_tokens, options.inference_tokens)
    nearest = nearest_models(models, best)
    return Plan(options, origins, budget, best, laws, nearest, hardware, shape)


def nearest_models(models: Iterable[NamedModel], best: Allocation) -> list[Nearest]:
    """The dense models of the catalog nearest in size, each on the tokens of the same compute."""
    sized = [
        (model.key, count_parameters(model.spec).total)
        for model in models
        if model.spec.experts is None
    ]
    sized.sort(key=lambda pair: abs(math.log(pair[1] / best.parameters)))
    compute = best.parameters * best.tokens
    return [
        Nearest(key, size, compute / size, float(predicted_loss(size, compute / size)))
        for key, size in sized[:_NEAREST]
    ]


def _seconds_for(usd: float, price: float | None, run: ModelRun) -> float:
    if price is None:
        raise UsageError(
            f"--cost: no price of {run.gpu.key} is known",
            "give --price (USD per GPU-hour), or --kwh-price for a card of your own",
        )
    if price == 0:
        raise UsageError("--cost limits nothing at a price of 0", "give --time in its place")
    return usd / price * 3600 / run.gpus
