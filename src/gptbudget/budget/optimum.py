"""Find the compute-optimal model on given hardware, by iterating scaling law and step-time model.

The laws say which size a budget of FLOPs is best spent on; the step time says how many FLOPs a
model of that size gets out of the hardware in the time there is.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from gptbudget.budget.laws import Allocation, optimum
from gptbudget.budget.shapes import DEFAULT_CONTEXT, LARGEST_SHAPE, candidates, parameters_of
from gptbudget.core.arrays import about
from gptbudget.core.chinchilla import predicted_loss
from gptbudget.errors import UsageError
from gptbudget.run.complete import complete_model_run
from gptbudget.run.run import NamedModel, Setting
from gptbudget.search.fastest import ModelWay, best_way, knows_memory, way_of

_ROUNDS = 12
_BISECTIONS = 12
_FIRST_GUESS = 1e9
_SMALLEST = 1e6
_AGREED = 0.005
_COUNTABLE = 1e4


class Trained(NamedTuple):
    """A model shape, the way to train it, and the tokens that the budget allows."""

    model: NamedModel
    parameters: int
    way: ModelWay
    fits: bool | None
    tokens: float

    @property
    def flops(self) -> float:
        """6ND of this model on its tokens, in FLOPs."""
        return 6 * self.parameters * self.tokens

    @property
    def loss(self) -> float:
        """Loss predicted by the fit that is followed."""
        return float(predicted_loss(self.parameters, self.tokens))


class OnHardware(NamedTuple):
    """The optimum of a budget on hardware."""

    optimum: Allocation
    trained: Trained
    """The shape nearest to the optimum."""
    without_offload: bool | None
    """Whether that shape fits without offloading, except what the user asked for."""
    best_that_fits: Trained | None
    """The best model that does, when it does not; ``None`` when none does."""
    best_with_offload: Trained | None
    """The best model that fits with an offload, if the optimum does not fit even with one."""
    agreed: bool
    """Whether the iteration converged; where memory runs out the speed jumps."""


def optimum_on(setting: Setting) -> OnHardware:
    """Iterate model size and delivered FLOPs until they converge.

    Where they do not, because a size that no longer fits trains slower, it is the shape with the
    lowest predicted loss of those tried.

    Raises:
        UsageError: an invalid combination of options, or a size too large for a shape.
    """
    flops = setting.options.flops
    size = _FIRST_GUESS if flops is None else optimum(flops).parameters
    tried: dict[str, Trained] = {}
    agreed = False
    for _ in range(_ROUNDS):
        trained = trained_at(setting, size)
        wanted = optimum(trained.flops).parameters
        again = trained.model.key in tried
        tried[trained.model.key] = trained
        agreed = abs(math.log(wanted / size)) < _AGREED
        if agreed or (again and wanted == size):
            break
        size = math.sqrt(size * wanted) if again else wanted
    best = trained if agreed else min(tried.values(), key=lambda each: each.loss)
    allocation = optimum(best.flops if flops is None else flops)
    inside = best.fits and (best.way.run.recipe.offload == "none" or setting.fixed("offload"))
    smaller = offloaded = None
    if inside is False:
        smaller = largest_that_fits(setting, best, offload=False)
    if best.fits is False and not setting.fixed("offload"):
        offloaded = largest_that_fits(setting, best, offload=True)
    return OnHardware(allocation, best, inside, smaller, offloaded, agreed)


def trained_at(setting: Setting, size: float) -> Trained:
    """The fastest shape of about this size, trained in the best way that fits."""
    if size > LARGEST_SHAPE:
        raise UsageError(
            f"no shape of {size:.3g} parameters is offered", "give a smaller budget, or no --gpu"
        )
    model = fastest_shape(setting, size)
    changes = _changes(setting, model)
    plain = _plain(setting, model, changes)
    if not knows_memory(plain):
        return _trained(setting, model, plain, fits=None)
    way = best_way(setting, model, changes)
    return _trained(setting, model, way or plain, fits=way is not None)


def fastest_shape(setting: Setting, size: float) -> NamedModel:
    """Of the shapes of about this size, the one that gets most 6ND FLOPs out of the hardware."""
    shapes = candidates(size, setting.options.seq_len or DEFAULT_CONTEXT)

    def slowness(model: NamedModel) -> float:
        way = _plain(setting, model, _changes(setting, model))
        return float(about(way.time.wall_clock_s / way.estimate.compute.required_flops))

    return min(shapes, key=slowness)


def largest_that_fits(setting: Setting, best: Trained, *, offload: bool) -> Trained | None:
    """The largest model that fits without loss, on the card alone or with an offload.

    Below the optimum a larger model is always better at the same compute.
    """

    def fitting(size: float) -> Trained | None:
        model = fastest_shape(setting, size)
        way = best_way(setting, model, _changes(setting, model), offload=offload)
        return None if way is None else _trained(setting, model, way, fits=True)

    low, high = math.log(_SMALLEST), math.log(best.parameters)
    largest = fitting(_SMALLEST)
    if largest is None:
        return None
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        here = fitting(math.exp(middle))
        if here is None:
            high = middle
        else:
            low, largest = middle, here
    return largest


def _changes(setting: Setting, model: NamedModel) -> dict[str, Any]:
    """Options for this model; without given FLOPs any number of tokens, as time is linear."""
    size = parameters_of(model)
    flops = setting.options.flops or 1e20
    return {
        "tokens": flops / (6 * size),
        "flops": None,
        "model": (model.key,),
        "time": setting.options.time,
    }


def _plain(setting: Setting, model: NamedModel, changes: Mapping[str, Any]) -> ModelWay:
    """Return the run with these options, whether it fits or not."""
    return way_of(complete_model_run(setting.changed(changes), model), changes)


def _trained(setting: Setting, model: NamedModel, way: ModelWay, *, fits: bool | None) -> Trained:
    """Return the model with the tokens that the budget allows, rounded down to four digits."""
    tokens = way.run.tokens
    if not setting.options.flops:
        tokens = _rounded_down(tokens * way.run.horizon_s / way.time.wall_clock_s)
    final = _plain(setting, model, {**way.changes, "tokens": tokens})
    return Trained(model, parameters_of(model), final, fits, tokens)


def _rounded_down(tokens: float) -> float:
    """Round down to four significant digits; numbers below 10,000 are returned unchanged."""
    if tokens < _COUNTABLE:
        return tokens
    unit = 10 ** (math.floor(math.log10(tokens)) - 3)
    return float(math.floor(tokens / unit) * unit)
