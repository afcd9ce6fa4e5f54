"""The compute-optimal curve: the best size at every budget, with one's own budget on it."""

import math
from collections.abc import Iterator

from gptbudget.answer.budget import best_name
from gptbudget.answer.page.page import Axis, Chart, Curve, Mark, Rule
from gptbudget.answer.quantities import active_parameters
from gptbudget.budget.budget import Plan
from gptbudget.budget.laws import FOLLOWED, Allocation
from gptbudget.core.laws.chinchilla import BESIROGLU, compute_optimal_parameters, predicted_loss
from gptbudget.run.estimate import Estimate
from gptbudget.run.run import ModelRun
from gptbudget.units import format_count, format_flops, format_number

_AROUND = 100.0
"""How far the curve goes below and above what is shown."""

_POINTS = 60
_BUDGET = Axis("training compute, 6ND", "flops", log=True)
_SIZE = Axis("parameters", "count", log=True)
_CAPTION = "On the line, parameters and tokens make the best of the compute"


def optimum_of_run(estimate: Estimate) -> tuple[Chart, ...]:
    """Where a model on its tokens lies, and how much compute there is; for full training only."""
    compute, run = estimate.compute, estimate.run
    six_nd, size = compute.required_flops_6nd, active_parameters(estimate)
    if six_nd is None or size is None:
        return ()
    if isinstance(run, ModelRun) and run.recipe.method.kind != "full":
        return ()
    budget = None if compute.ratio is None else six_nd * compute.ratio
    shown = [six_nd] if budget is None else [six_nd, budget]
    text = f"{format_count(size)} parameters on {format_count(run.tokens or 0)} tokens"
    marks = [Mark(getattr(run.work, "key", ""), six_nd, size, text, main=True)]
    if budget is not None:
        marks.append(_best_at(budget))
    return (
        Chart(
            "Compute-optimal size",
            _BUDGET,
            _SIZE,
            (_curve(min(shown), max(shown)),),
            tuple(marks),
            upright=None if budget is None else Rule("your budget", budget),
            caption=f"{_CAPTION}; right of it a model is trained longer than that, left shorter.",
        ),
    )


def optimum_of_plan(plan: Plan) -> tuple[Chart, ...]:
    """The best size by budget, and how little the loss depends on it."""
    return (_by_budget(plan), _by_size(plan))


def _by_budget(plan: Plan) -> Chart:
    flops = plan.budget.flops
    return Chart(
        "Compute-optimal size",
        _BUDGET,
        _SIZE,
        (_curve(flops, flops),),
        (_best_at(flops)._replace(main=True),),
        upright=Rule("your budget", flops),
        caption=f"{_CAPTION}.",
    )


def _by_size(plan: Plan) -> Chart:
    flops = plan.budget.flops
    sizes = [law.parameters for law in plan.laws]
    hardware = plan.hardware
    marks = [_law_mark(law, law.parameters, law.replication_loss) for law in plan.laws]
    if hardware is not None:
        for name, trained in (
            ("best with offload", hardware.best_with_offload),
            (best_name(plan), hardware.best_that_fits),
        ):
            if trained is not None:
                size, text = trained.parameters, _size_and_loss(trained.parameters, trained.loss)
                marks.append(Mark(name, size, trained.loss, text))
                sizes.append(size)
    line = tuple(
        (size, float(predicted_loss(size, flops / (6 * size))))
        for size in _spread(min(sizes) / 3, max(sizes) * 3)
    )
    return Chart(
        "Loss by size, on the same compute",
        _SIZE,
        Axis("predicted loss, nats a token", "loss"),
        (Curve(f"{BESIROGLU.name}, {format_flops(flops)}", line),),
        tuple(marks),
        caption="Nats a token of the corpus of the fit. A shape that gets less compute out of the "
        "hardware lies above the line.",
    )


def _law_mark(law: Allocation, x: float, y: float) -> Mark:
    text = _size_and_loss(law.parameters, law.replication_loss)
    return Mark(law.name, x, y, text, main=law.law == FOLLOWED)


def _size_and_loss(parameters: float, loss: float) -> str:
    return f"{format_count(parameters, 3)}, loss {format_number(loss, 4)}"


def _best_at(budget: float) -> Mark:
    size = float(compute_optimal_parameters(budget))
    tokens = budget / (6 * size)
    text = f"{format_count(size, 3)} parameters on {format_count(tokens, 3)} tokens"
    return Mark("best use of your budget", budget, size, text)


def _curve(low: float, high: float) -> Curve:
    points = tuple(
        (flops, float(compute_optimal_parameters(flops)))
        for flops in _spread(low / _AROUND, high * _AROUND)
    )
    return Curve(BESIROGLU.name, points)


def _spread(low: float, high: float) -> Iterator[float]:
    """Values from low to high with the same ratio between neighbours."""
    ratio = math.log(high / low) / _POINTS
    return (low * math.exp(ratio * step) for step in range(_POINTS + 1))
