"""The steps of a planned budget: what the law makes of it, on what the hardware delivers."""

from typing import Any

from gptbudget.answer.explain.estimate import explain
from gptbudget.answer.explain.leaves import named_fit
from gptbudget.answer.explain.sources import SOURCES
from gptbudget.answer.explain.step import Step
from gptbudget.answer.explain.steps import Book
from gptbudget.budget.budget import Plan
from gptbudget.budget.optimum import Trained
from gptbudget.core.chinchilla import BESIROGLU, compute_optimal_parameters, predicted_loss
from gptbudget.search.fastest import tokens_in_time
from gptbudget.search.result import Way
from gptbudget.units import format_bytes

_SECTION = "the law"


def plan_explanation(plan: Plan) -> list[Step]:
    """The best model for a budget, and the run of the shape that is nearest to it."""
    book = Book()
    if plan.hardware is None:
        origin = plan.origins.get("flops", "given")
        flops: Any = book.take("flops", plan.budget.flops, "FLOP", origin, "--flops")
    else:
        flops = _delivered(book, plan, plan.hardware.trained)
    best, fit = plan.optimum, named_fit(book, BESIROGLU)
    parameters = compute_optimal_parameters(flops, fit)
    book.state(_SECTION, "best_parameters", parameters, "", SOURCES["law"], best.parameters)
    tokens, source = flops / (6 * parameters), "what is left of the compute: C = 6 N D"
    book.state(_SECTION, "best_tokens", tokens, "tokens", source, best.tokens)
    loss = predicted_loss(parameters, tokens, fit)
    assert best.loss is not None
    book.state(_SECTION, "predicted_loss", loss, "nats a token", SOURCES["law"], best.loss)
    return book.steps


def _delivered(book: Book, plan: Plan, trained: Trained) -> Any:
    """FLOPs that the shape gets out of the hardware, or that were given."""
    estimate = trained.way.estimate
    chosen = {
        name: "chosen by plan, so that it fits and is fast"
        for name in trained.way.changes
        if name not in plan.origins
    }
    if plan.options.flops is None:
        said = "as many as the time allows, in four digits (tokens_in_the_horizon)"
    else:
        said = "what the FLOPs given allow: flops / (6 N)"
    named = explain(book, estimate, {**chosen, "tokens": said})
    assert named.time is not None
    assert named.run.tokens is not None
    within = named.run.tokens * named.run.horizon_s / named.time.wall_clock_s
    source = "tokens of the run, times the horizon over its wall clock"
    figure = tokens_in_time(trained.way)
    book.state(_SECTION, "tokens_in_the_horizon", within, "tokens", source, figure)
    if plan.options.flops is not None:
        origin = plan.origins.get("flops", "given")
        return book.take("flops", plan.options.flops, "FLOP", origin, "--flops")
    assert named.parameters is not None
    spent: Any = 6 * named.parameters.total * named.run.tokens
    book.define("delivered_flops", spent, "FLOP", SOURCES["6nd"])
    return spent


def chosen_by_search(way: Way) -> dict[str, str]:
    """What a search set, and nobody gave."""
    run, host = way.estimate.run, format_bytes(way.candidate.host_bytes or 0)
    said = "chosen by fit: no other way that was tried comes before it"
    found = {name: said for name in run.values if run.asked(name) and name not in way.given}
    if way.candidate.host_bytes:
        found["host_memory"] = f"chosen by fit: the offload needs {host}"
    return found
