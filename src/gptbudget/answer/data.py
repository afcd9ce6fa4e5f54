"""Estimates as plain data: the keys that scripts may rely on."""

from collections.abc import Sequence
from typing import Any

from gptbudget.answer.notes import notes
from gptbudget.answer.prices import offers_data
from gptbudget.answer.remedies import remedies_data
from gptbudget.answer.stage import rank_data
from gptbudget.answer.verdict import verdict
from gptbudget.core.parameters import count_parameters
from gptbudget.run.estimate import Estimate, Time
from gptbudget.run.run import FlopsAmount, SizeAndTokens

SCHEMA = 1
"""Version of the JSON answer; raised when a key changes its meaning."""


def answers(estimates: Sequence[Estimate]) -> dict[str, Any]:
    """The whole answer: the request with origins, and one result a row."""
    return {
        "schema": SCHEMA,
        "request": request_data(estimates),
        "results": [answer(estimate) for estimate in estimates],
    }


def answer(estimate: Estimate, *, advise: bool = True) -> dict[str, Any]:
    """One estimate; unknown values are ``None``. Without ``advise`` no remedies are looked for."""
    return {
        **amounts(estimate),
        "verdict": {"feasible": estimate.feasible, "text": verdict(estimate)},
        "remedies": remedies_data(estimate) if advise else [],
        "notes": notes(estimate),
    }


def amounts(estimate: Estimate) -> dict[str, Any]:
    """What is estimated of what, as names and numbers."""
    run = estimate.run
    return {
        "model": _model(estimate),
        "gpu": {"name": run.gpu.key, "title": run.gpu.spec.name},
        "gpus": run.gpus,
        "tokens": run.tokens,
        "precision": run.precision,
        "compute": {
            "available_flops": estimate.compute.available_flops,
            "required_flops": estimate.compute.required_flops,
            "required_flops_6nd": estimate.compute.required_flops_6nd,
            "required_flops_exact": estimate.compute.required_flops_exact,
            "required_flops_causal": estimate.compute.required_flops_causal,
            "peak_flops_per_s": run.peak_flops_per_s,
            "ratio": estimate.compute.ratio,
        },
        "memory": _memory(estimate),
        "time": _time(estimate),
        "cost": _cost(estimate),
    }


def request_data(estimates: Sequence[Estimate]) -> dict[str, Any]:
    """Each option with its value and origin; a list where the rows differ."""
    names = list(dict.fromkeys(name for e in estimates for name in e.run.values))
    request = {}
    for name in names:
        values = [e.run.values.get(name) for e in estimates]
        origins = [e.run.origins.get(name) for e in estimates]
        same = all(value == values[0] for value in values)
        one_origin = all(origin == origins[0] for origin in origins)
        request[name] = {
            "value": values[0] if same else values,
            "origin": origins[0] if one_origin else origins,
        }
    return request


def _model(estimate: Estimate) -> dict[str, Any]:
    work = estimate.run.work
    if isinstance(work, FlopsAmount):
        return dict.fromkeys(("name", "title", "parameters", "active_parameters"))
    if isinstance(work, SizeAndTokens):
        title, total, active = None, work.parameters, work.parameters
    else:
        counted = count_parameters(work.spec)
        title, total, active = work.spec.name, counted.total, counted.active
    return {"name": work.key, "title": title, "parameters": total, "active_parameters": active}


def _memory(estimate: Estimate) -> dict[str, Any]:
    memory, run = estimate.memory, estimate.run
    if memory is None:
        names = (
            "peak_bytes",
            "framework_bytes",
            "reserved_bytes",
            "accumulated_bytes",
            "fits",
            "phase",
        )
        unknown: dict[str, Any] = {
            **dict.fromkeys(names),
            "parts": {},
            "phases": {},
            "host_bytes": None,
        }
        return {**unknown, "usable_bytes": run.usable_bytes, "rank": None}
    return {
        "peak_bytes": memory.peak_bytes,
        "framework_bytes": memory.by_phase.peak_bytes,
        "reserved_bytes": memory.reserved_bytes,
        "accumulated_bytes": memory.accumulated_bytes,
        "usable_bytes": memory.usable_bytes,
        "fits": memory.fits,
        "phase": memory.phase,
        "parts": dict(memory.parts),
        "phases": {name: parts.total for name, parts in memory.by_phase.phases.items()},
        "host_bytes": memory.host_bytes or None,
        "rank": rank_data(estimate),
    }


def _time(estimate: Estimate) -> dict[str, Any]:
    time = estimate.time
    names = (
        "step_s",
        "tokens_per_s",
        "mfu",
        "mfu_causal",
        "utilization",
        "wall_clock_s",
        "low_s",
        "high_s",
    )
    parts = None if time is None else time.parts
    others = {} if time is None else time.by_stack
    return {
        **{name: getattr(time, name, None) for name in names},
        "parts": dict(parts or {}),
        "profile": _profile(time),
        "by_stack": {
            name: {"tokens_per_s": other.tokens_per_s, "wall_clock_s": other.wall_clock_s}
            for name, other in others.items()
        },
    }


def _profile(time: Time | None) -> dict[str, Any] | None:
    """The logged step that the time was corrected by."""
    if time is None or time.profile is None:
        return None
    logged = time.profile
    return {
        "name": logged.name,
        "made": logged.made,
        "tokens_per_s": logged.tokens_per_s,
        "predicted_tokens_per_s": logged.predicted_tokens_per_s,
        "factor": time.profile_factor,
    }


def _cost(estimate: Estimate) -> dict[str, Any]:
    names = ("gpu_hours", "usd", "energy_kwh", "electricity_usd", "co2_kg")
    cost = {name: getattr(estimate.cost, name, None) for name in names}
    bought = estimate.run.gpu.spec.price
    return {
        **cost,
        "providers": offers_data(estimate),
        "purchase": None if bought is None else dict(bought),
    }
