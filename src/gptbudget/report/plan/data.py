"""A planned budget as plain data: the keys that scripts may rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gptbudget.budget.budget import Nearest, Plan
from gptbudget.budget.laws import Allocation
from gptbudget.budget.optimum import OnHardware, Trained
from gptbudget.budget.shapes import catalog_entry, parameters_of
from gptbudget.report.answer import SCHEMA, answer
from gptbudget.report.command import command
from gptbudget.run.run import NamedModel

_OF_A_RUN = ("precision", "compute", "memory", "time", "cost")
_ASKED_ABOUT = frozenset({"tokens", "model", "time"})
"""Options of a run that the plan sets itself."""

CHOSEN = ("recipe", "checkpointing", "loss", "offload", "micro_batch", "tp", "pp")
"""Options that a plan may choose, where the user did not."""


def plan_data(plan: Plan, text: str, notes: list[str]) -> dict[str, Any]:
    """The whole answer; unknown values are ``None``."""
    hardware = plan.hardware
    return {
        "schema": SCHEMA,
        "request": _request(plan),
        "budget": _budget(plan),
        "optimum": {**law_data(plan.optimum), "epochs": plan.epochs},
        "laws": [law_data(law) for law in plan.laws],
        "range": _range(plan),
        "shape": None if plan.shape is None else _shape(plan, plan.shape),
        "fits": None if hardware is None else _fits(hardware),
        "best_that_fits": _best_that_fits(hardware),
        "best_with_offload": None
        if hardware is None or hardware.best_with_offload is None
        else trained_data(hardware.best_with_offload),
        "nearest_models": [_nearest(model) for model in plan.nearest],
        "verdict": {"feasible": plan.feasible, "text": text},
        "notes": notes,
    }


WITH_A_PREMISE = frozenset({"data-constrained", "inference-adjusted"})
"""Laws that answer another question than which model is best for the compute."""


def _range(plan: Plan) -> dict[str, float]:
    """From the smallest to the largest model that a law asks for."""
    sizes = [law.parameters for law in plan.laws if law.law not in WITH_A_PREMISE]
    return {"low": min(sizes), "high": max(sizes)}


def best_name(plan: Plan) -> str:
    """What the best model that fits is called; an offload that was asked for is part of it."""
    return "best without offload" if plan.options.offload is None else "best that fits"


def law_data(law: Allocation) -> dict[str, Any]:
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


def _request(plan: Plan) -> dict[str, Any]:
    """What was asked, and what was assumed of the run, with origins."""
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
        if name not in way.changes and name not in _ASKED_ABOUT
    }
    return {**given, **of_run}


def _budget(plan: Plan) -> dict[str, Any]:
    budget = plan.budget
    return {
        "flops": budget.flops,
        "time_s": budget.seconds,
        "gpu_hours": budget.gpu_hours,
        "usd": budget.usd,
    }


def _shape(plan: Plan, model: NamedModel) -> dict[str, Any]:
    if plan.hardware is not None:
        return trained_data(plan.hardware.trained)
    size = parameters_of(model)
    return {**_sizes(model), "parameters": size, "tokens": plan.budget.flops / (6 * size)}


def _sizes(model: NamedModel) -> dict[str, Any]:
    spec = model.spec
    return {
        "name": model.key,
        "layers": spec.layers,
        "width": spec.width,
        "heads": spec.attention.heads,
        "head_width": spec.head_width,
        "vocabulary": spec.vocabulary,
        "context": spec.context,
        "entry": {"models": {model.key: catalog_entry(spec)}},
    }


def trained_data(trained: Trained) -> dict[str, Any]:
    """A shape, how it is trained, and what comes of it."""
    run = trained.way.run
    whole = answer(trained.way.estimate)
    return {
        **_sizes(trained.model),
        "parameters": trained.parameters,
        "tokens": trained.tokens,
        "loss": trained.loss,
        "gpu": {"name": run.gpu.key},
        "gpus": run.gpus,
        "fits": trained.fits,
        "recipe": {name: run.values.get(name) for name in CHOSEN if name in run.values},
        **{name: whole[name] for name in _OF_A_RUN},
        "command": with_catalog(command(run, "compare")),
    }


def with_catalog(text: str) -> str:
    """The command with the file that the shape is saved in."""
    return f"{text} --catalog planned.yaml"


def _fits(hardware: OnHardware) -> dict[str, Any]:
    trained = hardware.trained
    return {
        "any_way": trained.fits,
        "without_offload": hardware.without_offload,
        "offload": trained.way.run.recipe.offload if trained.fits else None,
    }


def _best_that_fits(hardware: OnHardware | None) -> dict[str, Any] | None:
    if hardware is None:
        return None
    best = hardware.trained if hardware.without_offload else hardware.best_that_fits
    return None if best is None else trained_data(best)


def _nearest(model: Nearest) -> dict[str, Any]:
    return {
        "name": model.key,
        "parameters": model.parameters,
        "tokens": model.tokens,
        "loss": model.loss,
    }


def records(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One flat record a law, for CSV."""
    return list(data["laws"])
