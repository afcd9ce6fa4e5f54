"""The answer of ``plan`` without a model: a headline, a table of scaling laws, and a shape."""

from collections.abc import Iterator

from gptbudget import units
from gptbudget.answer.command import command
from gptbudget.answer.data import SCHEMA, answer
from gptbudget.answer.document import Data, Document, Table, grid
from gptbudget.answer.notes import notes as run_notes
from gptbudget.answer.quantities import SHAPE_NUMBERS, cell, facts
from gptbudget.budget.budget import Plan
from gptbudget.budget.laws import FOLLOWED, Allocation, optimum
from gptbudget.budget.optimum import OnHardware, Trained
from gptbudget.budget.shapes import catalog_entry, parameters_of
from gptbudget.core.scaling_laws import total_flops
from gptbudget.run.run import NamedModel, Run

_OF_A_RUN = ("precision", "compute", "memory", "time", "cost")
_SET_BY_PLAN = frozenset({"tokens", "model", "time"})
"""Options that a plan determines itself, so they are not listed as assumed."""

_CHOSEN = ("recipe", "checkpointing", "loss", "offload", "micro_batch", "tp", "pp")
"""Options that a plan may choose if the user did not give them."""

_FITTED_FLOPS = (6e18, 3e21)
"""Budgets of the runs behind the Chinchilla fits (Hoffmann et al. 2022, section 3.2)."""
_MANY_EPOCHS = 4
_FAR = 0.1


def plan_document(plan: Plan) -> Document:
    """The whole answer as a document."""
    text, notes = _headline(plan), list(_notes(plan))
    data = _data(plan, text, notes)
    tables = [_budget_table(plan), _laws_table(plan)]
    if plan.shape is not None:
        tables.append(_shape_table(plan, plan.shape))
    if plan.nearest:
        tables.append(_nearest_table(plan))
    return Document(text, tuple(tables), data, data["laws"], tuple(notes), _advice(plan))


def _headline(plan: Plan) -> str:
    best, hardware = plan.optimum, plan.hardware
    spent = (
        f"{_size(best.parameters)} parameters on {_size(best.tokens)} tokens, predicted loss "
        f"{units.format_number(best.loss or 0)}"
    )
    if hardware is None:
        return f"{units.format_flops(plan.budget.flops)} are best spent on {spent}."
    run, budget = hardware.trained.way.run, plan.budget
    return (
        f"{run.gpus} x {run.gpu.key} in {units.format_duration(budget.seconds or 0)}: best spent "
        f"on {spent}; {_fit_in_words(plan.options.offload, hardware)}."
    )


def _fit_in_words(offload: str | None, hardware: OnHardware) -> str:
    """Say whether the shape fits and, if not, which smaller one does; ``offload`` is as given."""
    trained = hardware.trained
    if trained.fits is None:
        return "whether it fits is not known"
    if hardware.without_offload:
        return "it fits"
    return f"{_does_not_fit(offload, trained)}{_fitting_alternatives(hardware)}"


def _does_not_fit(offload: str | None, trained: Trained) -> str:
    """Say that the shape does not fit with the given options, and whether offloading helps."""
    if offload == "none":
        return "it does not fit"
    if offload is not None:
        return f"it does not fit with --offload {offload}"
    only = trained.way.run.recipe.offload
    otherwise = f"only with --offload {only}" if trained.fits else "nor with it"
    return f"it does not fit without offload, {otherwise}"


def _fitting_alternatives(hardware: OnHardware) -> str:
    """The end of a sentence that names the best models that fit when the optimum does not."""
    smaller, offloaded = hardware.best_that_fits, hardware.best_with_offload
    if offloaded is not None:
        without = (
            "no smaller model does" if smaller is None else f"the best is {_describe(smaller)}"
        )
        return f"; without it {without}, with it {_describe(offloaded)}"
    if smaller is not None:
        return f"; the best that does is {_describe(smaller)}"
    return ", and no smaller model does"


def _describe(trained: Trained) -> str:
    tokens, loss = _size(trained.tokens), units.format_number(trained.loss)
    return f"{_size(trained.parameters)} on {tokens} tokens, loss {loss}"


def _size(amount: float) -> str:
    return units.format_count(amount, 3)


def _advice(plan: Plan) -> tuple[str, ...]:
    """One line per shape that fits: its catalog entry and the ``compare`` command that uses it."""
    return tuple(
        f"{trained.model.key}: save {_flow(_entry(trained.model), outer=True)} as planned.yaml, "
        f"then: {_command(trained)}"
        for trained in shapes(plan).values()
        if trained.fits
    )


def shapes(plan: Plan) -> dict[str, Trained]:
    """Return the models of the table by column heading; the first is nearest to the optimum."""
    if plan.hardware is None:
        return {}
    on_hardware = plan.hardware
    fitting = "best without offload" if plan.options.offload is None else "best that fits"
    named = {
        "near the optimum": on_hardware.trained,
        "best with offload": on_hardware.best_with_offload,
        fitting: on_hardware.best_that_fits,
    }
    return {name: trained for name, trained in named.items() if trained is not None}


def _entry(model: NamedModel) -> Data:
    """The catalog file of one shape."""
    return {"models": {model.key: catalog_entry(model.spec)}}


def _command(trained: Trained) -> str:
    """Return the ``compare`` command for a shape that is saved in that file."""
    return f"{command(trained.way.run, 'compare')} --catalog planned.yaml"


def _flow(value: object, *, outer: bool = False) -> str:
    """Return a value as one line of YAML; the ``outer`` mapping has no braces."""
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: {_flow(each)}" for key, each in value.items())
        return inner if outer else f"{{{inner}}}"
    return str(value)


def _budget_table(plan: Plan) -> Table:
    budget, basis = plan.budget, "counted as 6ND"
    if plan.hardware is not None:
        trained = plan.hardware.trained
        speed = units.format_number(trained.way.time.tokens_per_s or 0, 4)
        basis += f", at {speed} tokens/s of {trained.model.key}"
    rows = [("compute", units.format_flops(budget.flops), basis)]
    if budget.seconds is not None:
        rows.append(("time", units.format_duration(budget.seconds), ""))
    if budget.gpu_hours is not None:
        rows.append(("GPU-hours", units.format_number(budget.gpu_hours), ""))
    if budget.usd is not None:
        rows.append(("cost", units.format_usd(budget.usd), ""))
    if plan.epochs is not None:
        unique = plan.options.unique_tokens or 0
        rows.append(
            ("epochs", units.format_number(plan.epochs), f"of {_size(unique)} unique tokens")
        )
    return Table(("", "", ""), tuple(rows), title="budget")


def _laws_table(plan: Plan) -> Table:
    low, high = map(_size, _range(plan))
    return grid(
        plan.laws,
        {
            "law": lambda law: law.name + (" (taken)" if law.law == FOLLOWED else ""),
            "parameters": lambda law: _size(law.parameters),
            "tokens": lambda law: _size(law.tokens),
            "tokens/parameter": lambda law: units.format_number(law.tokens / law.parameters),
            "own loss": lambda law: "" if law.loss is None else units.format_number(law.loss, 4),
            "loss": lambda law: units.format_number(law.replication_loss, 4),
        },
        f"laws, from {low} to {high} parameters",
    )


def _shape_table(plan: Plan, model: NamedModel) -> Table:
    if plan.hardware is None:
        sizes = _sizes(model, parameters_of(model))
        return Table(("", ""), tuple(sizes.items()), title="a shape near the optimum")
    columns = {
        name: _sizes(each.model, each.parameters) | _training_rows(each)
        for name, each in shapes(plan).items()
    }
    labels = next(iter(columns.values()))
    rows = tuple((label, *(each[label] for each in columns.values())) for label in labels)
    return Table(("", *columns), rows, title="shape", right=frozenset(columns))


def _sizes(model: NamedModel, size: int) -> dict[str, str]:
    spec = model.spec
    return {
        "parameters": _size(size),
        "layers": str(spec.layers),
        "width": str(spec.width),
        "heads": f"{spec.attention.heads} of {spec.head_width}",
        "vocabulary": f"{spec.vocabulary:,}",
        "context": f"{spec.context:,}",
    }


def _training_rows(trained: Trained) -> dict[str, str]:
    """Rows for one trained shape: tokens, loss, chosen options, memory and time."""
    run, estimate = trained.way.run, trained.way.estimate
    memory = estimate.memory
    usable = "unknown" if run.usable_bytes is None else units.format_bytes(run.usable_bytes)
    needs = "unknown" if memory is None else units.format_bytes(memory.peak_bytes)
    chosen = [
        f"--{name.replace('_', '-')} {value}"
        for name, value in chosen_data(run).items()
        if name in trained.way.changes
    ]
    return {
        "tokens": _size(trained.tokens),
        "loss": units.format_number(trained.loss, 4),
        "options": " ".join(chosen) or "default",
        "memory": f"{needs} of {usable}",
        "host memory": cell("memory.host_bytes", estimate) or "none",
        **{label: text for label, _, text in facts(SHAPE_NUMBERS, estimate)},
    }


def _nearest_table(plan: Plan) -> Table:
    return grid(
        plan.nearest,
        {
            "model": lambda near: near.key,
            "parameters": lambda near: _size(near.parameters),
            "tokens": lambda near: _size(near.tokens),
            "loss": lambda near: units.format_number(near.loss, 4),
        },
        "nearest models of the catalog, on the same compute",
    )


def _data(plan: Plan, text: str, notes: list[str]) -> Data:
    """The whole answer; unknown values are ``None``."""
    budget, hardware = plan.budget, plan.hardware
    return {
        "schema": SCHEMA,
        "request": _request(plan),
        "budget": {
            "flops": budget.flops,
            "time_s": budget.seconds,
            "gpu_hours": budget.gpu_hours,
            "usd": budget.usd,
        },
        "optimum": {**_law_data(plan.optimum), "epochs": plan.epochs},
        "laws": [_law_data(law) for law in plan.laws],
        "range": dict(zip(("low", "high"), _range(plan), strict=True)),
        "shape": plan.shape and _shape_data(plan, plan.shape),
        **(_NO_HARDWARE if hardware is None else _hardware_data(hardware)),
        "nearest_models": [
            {
                "name": near.key,
                "parameters": near.parameters,
                "tokens": near.tokens,
                "loss": near.loss,
            }
            for near in plan.nearest
        ],
        "verdict": {"feasible": plan.feasible, "text": text},
        "notes": notes,
    }


_NO_HARDWARE = dict.fromkeys(("fits", "best_that_fits", "best_with_offload"))


def _hardware_data(hardware: OnHardware) -> Data:
    """Return whether the shape fits, and the best shapes that do."""
    trained, without_offload = hardware.trained, hardware.without_offload
    best = trained if without_offload else hardware.best_that_fits
    return {
        "fits": {
            "any_way": trained.fits,
            "without_offload": without_offload,
            "offload": trained.way.run.recipe.offload if trained.fits else None,
        },
        "best_that_fits": best and _trained_data(best),
        "best_with_offload": (
            hardware.best_with_offload and _trained_data(hardware.best_with_offload)
        ),
    }


_WITH_A_PREMISE = frozenset({"data-constrained", "inference-adjusted"})
"""Laws with an extra premise (limited data, inference), which the range leaves out."""


def _range(plan: Plan) -> tuple[float, float]:
    """The smallest and the largest optimal model size over all laws without an extra premise."""
    sizes = [law.parameters for law in plan.laws if law.law not in _WITH_A_PREMISE]
    return min(sizes), max(sizes)


def _law_data(law: Allocation) -> Data:
    """One law's allocation."""
    return {
        "law": law.law,
        "name": law.name,
        "parameters": law.parameters,
        "tokens": law.tokens,
        "tokens_per_parameter": law.tokens / law.parameters,
        "loss": law.loss,
        "loss_by_replication": law.replication_loss,
        "source": law.source,
        "note": law.note or None,
    }


def _request(plan: Plan) -> Data:
    """The options of the plan and of its run, each with its value and origin."""
    given = {
        name: {"value": getattr(plan.options, name), "origin": origin}
        for name, origin in plan.origins.items()
    }
    if plan.hardware is None:
        return given
    way = plan.hardware.trained.way
    of_run = {
        name: {"value": value, "origin": way.run.origins[name]}
        for name, value in way.run.values.items()
        if name not in way.changes and name not in _SET_BY_PLAN
    }
    return {**given, **of_run}


def _shape_data(plan: Plan, model: NamedModel) -> Data:
    if plan.hardware is not None:
        return _trained_data(plan.hardware.trained)
    size = parameters_of(model)
    return {**_sizes_data(model), "parameters": size, "tokens": plan.budget.flops / (6 * size)}


def _sizes_data(model: NamedModel) -> Data:
    spec = model.spec
    return {
        "name": model.key,
        "layers": spec.layers,
        "width": spec.width,
        "heads": spec.attention.heads,
        "head_width": spec.head_width,
        "vocabulary": spec.vocabulary,
        "context": spec.context,
        "entry": _entry(model),
    }


def _trained_data(trained: Trained) -> Data:
    """One trained shape as plain data: architecture, options, loss, memory, time and cost."""
    run = trained.way.run
    whole = answer(trained.way.estimate)
    return {
        **_sizes_data(trained.model),
        "parameters": trained.parameters,
        "tokens": trained.tokens,
        "loss": trained.loss,
        "gpu": {"name": run.gpu.key},
        "gpus": run.gpus,
        "fits": trained.fits,
        "recipe": chosen_data(run),
        **{name: whole[name] for name in _OF_A_RUN},
        "command": _command(trained),
    }


def chosen_data(run: Run) -> Data:
    """The options that a plan may choose."""
    return {name: run.values[name] for name in _CHOSEN if name in run.values}


def _notes(plan: Plan) -> Iterator[str]:
    """Notes on the limits of the scaling laws, then notes on the hardware."""
    yield (
        f"the optimum is that of {plan.optimum.name}, the replicated Chinchilla fit; losses in the "
        "last column are its predictions for what the other laws ask for"
    )
    yield (
        "losses are in nats per token, for the corpus and tokenizer that the law was fitted on "
        "(MassiveText, 32k SentencePiece): other text differs, and GPT-2-like runs on web text end "
        "0.15 to 0.3 higher"
    )
    low, high = _FITTED_FLOPS
    if not low <= plan.budget.flops <= high:
        yield (
            f"the laws were fitted on runs of {units.format_flops(low)} to "
            f"{units.format_flops(high)}: this budget is an extrapolation"
        )
    yield from _data_notes(plan)
    yield from (f"{law.name}: {law.note}" for law in plan.laws if law.note)
    yield from _shape_notes(plan)
    if plan.hardware is not None:
        yield from _hardware_notes(plan, plan.hardware)


def _data_notes(plan: Plan) -> Iterator[str]:
    epochs, unique = plan.epochs, plan.options.unique_tokens
    if epochs is not None and unique is not None and epochs > _MANY_EPOCHS:
        yield (
            f"{epochs:.3g} epochs: beyond about 4, each further epoch helps clearly less than "
            "new text (Muennighoff et al. 2023); see the data-constrained law"
        )
    use = plan.options.inference_tokens
    if use is not None:
        best = plan.optimum
        longer = next(law for law in plan.laws if law.law == "inference-adjusted")
        spent = total_flops(longer.parameters, longer.tokens, use)
        usual = total_flops(best.parameters, best.tokens, use)
        yield (
            f"with {_size(use)} tokens of inference the smaller model takes "
            f"{units.format_flops(spent)} in all where the optimum takes "
            f"{units.format_flops(usual)}"
        )


def _shape_notes(plan: Plan) -> Iterator[str]:
    if plan.shape is None:
        yield "no shape is proposed for a model of this size: it is too large"
        return
    yield (
        "the shape has nanoGPT's blocks, with width and padded vocabulary in multiples of 128, "
        "at most the depth at which more layers still help (Levine et al. 2020), and at most the "
        "width of the GPT-3 family (Brown et al. 2020)"
        + ("" if plan.hardware is None else "; of these the fastest on this hardware")
    )
    size = parameters_of(plan.shape)
    off = size / plan.optimum.parameters - 1
    if abs(off) > _FAR:
        yield (
            f"the nearest shape has {units.format_percent(abs(off))} "
            f"{'more' if off > 0 else 'fewer'} parameters than the optimum"
        )


def _hardware_notes(plan: Plan, hardware: OnHardware) -> Iterator[str]:
    estimate = hardware.trained.way.estimate
    run, memory = hardware.trained.way.run, estimate.memory
    if not hardware.agreed:
        yield (
            "model size and delivered FLOPs did not converge: speed jumps near the largest model "
            "that fits; the pair with the lowest predicted loss is used"
        )
    if hardware.trained.fits is False:
        yield "the optimum is computed as if this hardware had enough memory for it"
    if run.prediction is not None and plan.options.flops is None:
        likely = run.prediction.time_range
        low = optimum(plan.budget.flops / likely.high).parameters
        high = optimum(plan.budget.flops / likely.low).parameters
        yield (
            f"over the likely range of the speed the optimum is {_size(low)} to {_size(high)} "
            "parameters"
        )
    if memory is not None and memory.host_bytes and run.host_memory_bytes is None:
        yield (
            f"the offload takes {units.format_bytes(memory.host_bytes)} of host memory: give "
            "--host-memory to limit it to what the host has"
        )
    yield from run_notes(estimate)
