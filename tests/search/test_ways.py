"""The best way is the best of all that are tried: against a plain loop over everything."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from gptbudget.catalog.catalog import load_catalog
from gptbudget.catalog.reference import load_evidence
from gptbudget.errors import UsageError
from gptbudget.run.complete import complete_model_run
from gptbudget.run.estimate import ModelEstimate, estimate
from gptbudget.run.question import given_options
from gptbudget.run.run import NamedGpu, NamedModel, Setting
from gptbudget.search.fastest import best_way
from gptbudget.specs.command_options import PlanOptions

SPACE: dict[str, tuple[Any, ...]] = {
    "recipe": (None, "master"),
    "checkpointing": (None, "full"),
    "loss": (None, "fused"),
    "offload": (None, "optimizer", "all"),
    "micro_batch": (1, 2, 4, 8, 16, 32, 64),
    "tp": (None, 2, 4, 8),
    "pp": (None, 2, 4, 8, 16),
}


def setting(gpu: str, **options: Any) -> Setting:
    entry = load_catalog().gpus.find(gpu)
    given = given_options(options, PlanOptions)
    return Setting(given, NamedGpu(entry.key, entry.spec), load_evidence())


def model(name: str) -> NamedModel:
    entry = load_catalog().models.find(name)
    return NamedModel(entry.key, entry.spec)


def everything(where: Setting, what: NamedModel) -> list[ModelEstimate]:
    """Each combination that can be, fits, and loses nothing; a node is not cut into shards."""
    found = []
    one_node = where.options.gpus is None or where.options.gpus <= 8
    space = {**SPACE, "tp": (None,), "pp": (None,)} if one_node else SPACE
    for values in product(*space.values()):
        changes = dict(zip(space, values, strict=True))
        if changes["tp"]:
            changes["sequence_parallel"] = True
        try:
            run = complete_model_run(where.changed(changes), what)
        except UsageError:
            continue
        answer = estimate(run)
        if changes["recipe"] and run.sums_in_16_bit:
            continue
        if answer.memory is not None and answer.memory.fits_accumulated:
            found.append(answer)
    return found


def seconds(answer: ModelEstimate) -> float:
    assert answer.time is not None
    return answer.time.wall_clock_s


@pytest.mark.parametrize(
    ("gpu", "name", "options"),
    [
        ("4070ti", "gpt2-xl", {}),
        ("4090", "gpt2-large", {}),
        ("a100", "gpt2-xl", {"gpus": 4}),
        ("a100", "llama-2-7b", {"gpus": 16}),
    ],
    ids=["offload", "card", "node", "nodes"],
)
def test_nothing_beats_the_best_way(gpu: str, name: str, options: dict[str, Any]) -> None:
    where, what = setting(gpu, **options), model(name)
    best = best_way(where, what, {})
    every = everything(where, what)
    on_card = [each for each in every if each.run.recipe.offload == "none"]

    assert best is not None
    assert (best.run.recipe.offload != "none") is not bool(on_card)
    assert seconds(best.estimate) == pytest.approx(min(map(seconds, on_card or every)))


def test_what_is_fixed_stays_fixed() -> None:
    where = setting("4070ti", micro_batch=2, checkpointing="none")
    best = best_way(where, model("gpt2"), {})
    assert best is not None
    assert best.run.micro_batch == 2
    assert best.run.recipe.checkpointing == "none"
