"""A planned budget in words: the answer in a sentence, the laws beside it, and a shape."""

from __future__ import annotations

from typing import Any

from gptbudget.budget.budget import Plan
from gptbudget.budget.laws import FOLLOWED
from gptbudget.budget.optimum import OnHardware, Trained
from gptbudget.budget.shapes import catalog_entry, parameters_of
from gptbudget.report.command import command
from gptbudget.report.document import Document, Table
from gptbudget.report.plan.data import (
    CHOSEN,
    WITH_A_PREMISE,
    best_name,
    plan_data,
    records,
    with_catalog,
)
from gptbudget.report.plan.notes import plan_notes
from gptbudget.run.run import NamedModel
from gptbudget.units import (
    format_bytes,
    format_count,
    format_duration,
    format_flops,
    format_number,
    format_percent,
    format_usd,
)


def plan_document(plan: Plan) -> Document:
    """The whole answer as a document."""
    text, notes = _headline(plan), plan_notes(plan)
    data = plan_data(plan, text, notes)
    tables = [_budget_table(plan), _laws_table(plan)]
    if plan.shape is not None:
        tables.append(_shape_table(plan, plan.shape))
    if plan.nearest:
        tables.append(_nearest_table(plan))
    return Document(text, tuple(tables), data, records(data), tuple(notes), _advice(plan))


def _headline(plan: Plan) -> str:
    best, hardware = plan.optimum, plan.hardware
    spent = (
        f"{_size(best.parameters)} parameters on {_size(best.tokens)} tokens, predicted loss "
        f"{format_number(best.loss or 0)}"
    )
    if hardware is None:
        return f"{format_flops(plan.budget.flops)} are best spent on {spent}."
    run, budget = hardware.trained.way.run, plan.budget
    assert budget.seconds is not None
    return (
        f"{run.gpus} x {run.gpu.key} in {format_duration(budget.seconds)}: best spent on {spent}; "
        f"{_fit_in_words(plan.options.offload, hardware)}."
    )


def _fit_in_words(offload: str | None, hardware: OnHardware) -> str:
    """Whether the shape fits, and which smaller one does; ``offload`` is what was asked for."""
    trained = hardware.trained
    if trained.fits is None:
        return "whether it fits is not known"
    if hardware.without_offload:
        return "it fits"
    return f"{_misfit(offload, trained)}{_instead(hardware)}"


def _misfit(offload: str | None, trained: Trained) -> str:
    """That the shape does not fit as it was asked for, and whether an offload helps."""
    if offload == "none":
        return "it does not fit"
    if offload is not None:
        return f"it does not fit with --offload {offload}"
    only = trained.way.run.recipe.offload
    how = f"only with --offload {only}" if trained.fits else "nor with it"
    return f"it does not fit without offload, {how}"


def _instead(hardware: OnHardware) -> str:
    """The best models that fit where the optimum does not, as the end of a sentence."""
    smaller, offloaded = hardware.best_that_fits, hardware.best_with_offload
    if offloaded is not None:
        without = "no smaller model does" if smaller is None else f"the best is {_best(smaller)}"
        return f"; without it {without}, with it {_best(offloaded)}"
    if smaller is not None:
        return f"; the best that does is {_best(smaller)}"
    return ", and no smaller model does"


def _best(trained: Trained) -> str:
    tokens, loss = _size(trained.tokens), format_number(trained.loss)
    return f"{_size(trained.parameters)} on {tokens} tokens, loss {loss}"


def _size(amount: float) -> str:
    return format_count(amount, 3)


def _advice(plan: Plan) -> tuple[str, ...]:
    """The shapes as entries of a catalog file, and the commands that ask for them."""
    if plan.hardware is None:
        return ()
    found = _shapes(plan, plan.hardware)
    return tuple(
        f"{trained.model.key}: save {entry_line(trained.model)} as planned.yaml, then: "
        f"{with_catalog(command(trained.way.run, 'compare'))}"
        for trained in found.values()
        if trained.fits
    )


def _shapes(plan: Plan, hardware: OnHardware) -> dict[str, Trained]:
    """The models that are shown, by what they are."""
    named = {
        "near the optimum": hardware.trained,
        "best with offload": hardware.best_with_offload,
        best_name(plan): hardware.best_that_fits,
    }
    return {name: trained for name, trained in named.items() if trained is not None}


def entry_line(model: NamedModel) -> str:
    """The catalog file of one shape, on one line of YAML."""
    return f"models: {{{model.key}: {_flow(catalog_entry(model.spec))}}}"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    return str(value)


def _budget_table(plan: Plan) -> Table:
    budget, hardware = plan.budget, plan.hardware
    basis = "counted as 6ND" + ("" if hardware is None else f", {_delivered(hardware)}")
    rows = [("compute", format_flops(budget.flops), basis)]
    if budget.seconds is not None:
        rows.append(("time", format_duration(budget.seconds), ""))
    if budget.gpu_hours is not None:
        rows.append(("GPU-hours", format_number(budget.gpu_hours), ""))
    if budget.usd is not None:
        rows.append(("cost", format_usd(budget.usd), ""))
    if plan.epochs is not None:
        unique = plan.options.unique_tokens or 0
        rows.append(("epochs", format_number(plan.epochs), f"of {_size(unique)} unique tokens"))
    return Table(("", "", ""), tuple(rows), title="budget")


def _delivered(hardware: OnHardware) -> str:
    trained = hardware.trained
    time = trained.way.estimate.time
    assert time is not None
    assert time.tokens_per_s is not None
    return f"at {format_number(time.tokens_per_s, 4)} tokens/s of {trained.model.key}"


def _laws_table(plan: Plan) -> Table:
    columns = ("law", "parameters", "tokens", "tokens/parameter", "own loss", "loss")
    rows = tuple(
        (
            law.name + (" (taken)" if law.law == FOLLOWED else ""),
            _size(law.parameters),
            _size(law.tokens),
            format_number(law.tokens / law.parameters),
            "" if law.loss is None else format_number(law.loss, 4),
            format_number(law.replication_loss, 4),
        )
        for law in plan.laws
    )
    others = [law.parameters for law in plan.laws if law.law not in WITH_A_PREMISE]
    title = f"laws, from {_size(min(others))} to {_size(max(others))} parameters"
    return Table(columns, rows, title=title, right=frozenset(columns[1:]))


def _shape_table(plan: Plan, model: NamedModel) -> Table:
    if plan.hardware is None:
        size = parameters_of(model)
        shown = [(label, value) for label, value in _sizes(model, size)]
        return Table(("", ""), tuple(shown), title="a shape near the optimum")
    found = _shapes(plan, plan.hardware)
    columns = ("", *found)
    per_model = [[*_sizes(each.model, each.parameters), *_course(each)] for each in found.values()]
    labels = [label for label, _ in per_model[0]]
    rows = tuple(
        (label, *(each[position][1] for each in per_model)) for position, label in enumerate(labels)
    )
    return Table(columns, rows, title="shape", right=frozenset(columns[1:]))


def _sizes(model: NamedModel, size: int) -> list[tuple[str, str]]:
    spec = model.spec
    return [
        ("parameters", _size(size)),
        ("layers", str(spec.layers)),
        ("width", str(spec.width)),
        ("heads", f"{spec.attention.heads} of {spec.head_width}"),
        ("vocabulary", f"{spec.vocabulary:,}"),
        ("context", f"{spec.context:,}"),
    ]


def _course(trained: Trained) -> list[tuple[str, str]]:
    """How a shape is trained, and what comes of it."""
    run, estimate = trained.way.run, trained.way.estimate
    time, memory = estimate.time, estimate.memory
    assert time is not None
    usable = "unknown" if run.usable_bytes is None else format_bytes(run.usable_bytes)
    needs = "unknown" if memory is None else format_bytes(memory.peak_bytes)
    host = "" if memory is None or not memory.host_bytes else format_bytes(memory.host_bytes)
    chosen = [
        f"--{name.replace('_', '-')} {run.values[name]}"
        for name in CHOSEN
        if name in trained.way.changes
    ]
    return [
        ("tokens", _size(trained.tokens)),
        ("loss", format_number(trained.loss, 4)),
        ("options", " ".join(chosen) or "default"),
        ("memory", f"{needs} of {usable}"),
        ("host memory", host or "none"),
        ("MFU", "" if time.mfu is None else format_percent(round(time.mfu, 3))),
        ("tokens/s", "" if time.tokens_per_s is None else format_number(time.tokens_per_s, 4)),
        ("wall clock", format_duration(time.wall_clock_s)),
    ]


def _nearest_table(plan: Plan) -> Table:
    columns = ("model", "parameters", "tokens", "loss")
    rows = tuple(
        (near.key, _size(near.parameters), _size(near.tokens), format_number(near.loss, 4))
        for near in plan.nearest
    )
    title = "nearest models of the catalog, on the same compute"
    return Table(columns, rows, title=title, right=frozenset(columns[1:]))
