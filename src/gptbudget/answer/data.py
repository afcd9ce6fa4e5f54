"""Estimates as plain data: the keys that scripts may rely on."""

from collections.abc import Sequence

from gptbudget.answer.document import Data
from gptbudget.answer.notes import notes
from gptbudget.answer.quantities import QUANTITIES
from gptbudget.answer.remedies import remedies_data
from gptbudget.answer.verdict import verdict
from gptbudget.run.estimate import Estimate
from gptbudget.run.run import FlopsAmount, NamedModel

SCHEMA = 1
"""Version of the JSON answer; raised when a key changes its meaning."""


def answers(estimates: Sequence[Estimate]) -> Data:
    """Return the whole answer: the request with origins, and one result per model-GPU pair."""
    return {
        "schema": SCHEMA,
        "request": request_data(estimates),
        "results": [answer(estimate) for estimate in estimates],
    }


def answer(estimate: Estimate, *, advise: bool = True) -> Data:
    """Return one estimate as plain data, unknown values as ``None``; ``advise`` adds remedies."""
    return {
        **amounts(estimate),
        "verdict": {"feasible": estimate.feasible, "text": verdict(estimate)},
        "remedies": remedies_data(estimate) if advise else [],
        "notes": notes(estimate),
    }


def amounts(estimate: Estimate) -> Data:
    """Return model, GPU and all quantities of one estimate as nested plain data."""
    gpu, work = estimate.run.gpu, estimate.run.work
    data: Data = {
        "model": {
            "name": None if isinstance(work, FlopsAmount) else work.key,
            "title": work.spec.name if isinstance(work, NamedModel) else None,
        },
        "gpu": {"name": gpu.key, "title": gpu.spec.name},
    }
    for quantity in QUANTITIES:
        part, _, name = quantity.key.rpartition(".")
        place = data.setdefault(part, {}) if part else data
        place[name] = quantity.value(estimate)
    return data


def request_data(estimates: Sequence[Estimate]) -> Data:
    """Return each option with its value and origin, as lists where the rows differ."""
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
