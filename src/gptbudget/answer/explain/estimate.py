"""The steps of one estimate: parameters, FLOPs, memory, time, cost, each from what it needs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gptbudget.answer.explain.leaves import RunNamer
from gptbudget.answer.explain.memory import explain_memory
from gptbudget.answer.explain.sources import SOURCES, Formula
from gptbudget.answer.explain.step import Step
from gptbudget.answer.explain.steps import Book
from gptbudget.answer.explain.time import explain_time
from gptbudget.core.flops import forward_flops_per_token, train_flops_per_token
from gptbudget.core.parameters import trained_parameters
from gptbudget.run.estimate import Bill, Estimate, bill_of
from gptbudget.run.estimate import estimate as estimate_run
from gptbudget.run.run import ComputeRun

NOTHING_CHOSEN: Mapping[str, str] = MappingProxyType({})


def explanation(estimate: Estimate, chosen: Mapping[str, str] = NOTHING_CHOSEN) -> list[Step]:
    """Every number of an answer, each step after those that it needs.

    ``chosen`` says of options that a search set, and nobody gave, why they are what they are.
    """
    book = Book()
    explain(book, estimate, chosen)
    return book.steps


def memory_explanation(bill: Bill) -> list[Step]:
    """The memory bill alone, and the parameters that it rests on."""
    book = Book()
    named = bill_of(estimate_run(RunNamer(book, bill.run, NOTHING_CHOSEN).named()))
    _parameters(book, named.estimate, bill.estimate)
    explain_memory(book, named.run, named.memory, bill.memory)
    return book.steps


def explain(book: Book, estimate: Estimate, chosen: Mapping[str, str]) -> Estimate:
    """Write down the steps of an estimate, and give it back with named numbers."""
    named = estimate_run(RunNamer(book, estimate.run, chosen).named())
    _parameters(book, named, estimate)
    _flops(book, named)
    _required(book, named, estimate)
    if named.memory is not None and estimate.memory is not None:
        explain_memory(book, bill_of(named).run, named.memory, estimate.memory)
    if named.time is not None and estimate.time is not None:
        explain_time(book, named.run, named.time, estimate.time)
    _available(book, named, estimate)
    _cost(book, named, estimate)
    return named


def _parameters(book: Book, named: Estimate, estimate: Estimate) -> None:
    counted, plain = named.parameters, estimate.parameters
    run, asked = named.run, estimate.run
    if counted is None or plain is None:
        return
    if isinstance(run, ComputeRun) or isinstance(asked, ComputeRun):
        return
    for part, number in counted.parts.items():
        name, figure = f"{part}_parameters", plain.parts[part]
        book.state("parameters", name, number, "", SOURCES["parameters"], figure)
    book.state("parameters", "parameters", counted.total, "", SOURCES["parameters"], plain.total)
    if plain.inactive:
        source = "less the experts that a token does not visit"
        book.state("parameters", "active_parameters", counted.active, "", source, plain.active)
    if asked.recipe.method.has_adapters:
        book.state(
            "parameters",
            "trained_parameters",
            trained_parameters(run.work.spec, run.recipe.method),
            "",
            SOURCES["adapters"],
            trained_parameters(asked.work.spec, asked.recipe.method),
        )


def _flops(book: Book, named: Estimate) -> None:
    """FLOPs of a token, component by component."""
    run = named.run
    if isinstance(run, ComputeRun):
        return
    model, length, method = run.work.spec, run.seq_len, run.recipe.method
    for square in ("full", "causal"):
        suffix = "" if square == "full" else "_causal"
        forward = forward_flops_per_token(model, length, square)
        for part, number in forward.items():
            book.define(f"forward_{part}_flops{suffix}", number, "FLOP/token", SOURCES["forward"])
        trained = train_flops_per_token(model, length, square, method)
        for part, number in trained.items():
            source = SOURCES["lora" if method.has_adapters else "training"]
            book.define(f"train_{part}_flops{suffix}", number, "FLOP/token", source)
        whole = f"train_flops_per_token{suffix}"
        book.define(whole, trained.total, "FLOP/token", "the sum of its parts")


def _required(book: Book, named: Estimate, estimate: Estimate) -> None:
    sources: dict[str, Formula] = {
        "required_flops_6nd": "6nd",
        "required_flops_exact": "forward",
        "required_flops_causal": "forward",
        "required_flops": "headline",
    }
    for name, source in sources.items():
        figure = getattr(estimate.compute, name)
        if figure is not None:
            number = getattr(named.compute, name)
            book.state("FLOPs", name, number, "FLOP", SOURCES[source], figure)


def _available(book: Book, named: Estimate, estimate: Estimate) -> None:
    compute = estimate.compute
    if compute.available_flops is None or compute.ratio is None:
        return
    available = named.compute.available_flops
    source = "what the run computes, times the horizon over the wall clock"
    book.state("compute", "available_flops", available, "FLOP", source, compute.available_flops)
    book.state("compute", "ratio", named.compute.ratio, "", SOURCES["ratio"], compute.ratio)


def _cost(book: Book, named: Estimate, estimate: Estimate) -> None:
    if named.cost is None or estimate.cost is None:
        return
    stated: Mapping[str, tuple[str, Formula]] = {
        "gpu_hours": ("h", "gpu_hours"),
        "energy_kwh": ("kWh", "energy"),
        "electricity_usd": ("USD", "money"),
        "usd": ("USD", "money"),
        "co2_kg": ("kg", "carbon"),
    }
    for name, (unit, source) in stated.items():
        figure: Any = getattr(estimate.cost, name)
        if figure is not None:
            number = getattr(named.cost, name)
            book.state("cost", name, number, unit, SOURCES[source], figure)
