"""Every step comes to the figure that the answer holds, from the inputs that it shows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import gptbudget
from gptbudget import api
from gptbudget.answer.data import answer
from gptbudget.answer.explain.budget import chosen_by_search, plan_explanation
from gptbudget.answer.explain.estimate import explanation, memory_explanation
from gptbudget.answer.explain.sources import SOURCES
from gptbudget.answer.explain.step import Step
from gptbudget.answer.explain.steps import Book
from gptbudget.api import fit
from gptbudget.budget.budget import Plan
from gptbudget.catalog.catalog import load_catalog
from gptbudget.run.estimate import Estimate, bill_of, compare
from gptbudget.run.estimate import estimate as estimate_run
from gptbudget.run.question import ask
from gptbudget.run.run import ModelRun
from gptbudget.specs.profile import Profile
from tests.answer.explain.arithmetic import evaluated
from tests.run.test_options import BASE, CHANGES

RUNS: dict[str, dict[str, Any]] = {
    "one card": {"gpu": "4070ti", "model": "gpt2-xl"},
    "batch": {"gpu": "4070ti", "model": "gpt2", "micro_batch": 8, "kwh_price": 0.3},
    "fp32": {"gpu": "v100-sxm2-32gb", "model": "gpt2", "precision": "fp32", "attention": "math"},
    "checkpointed": {"gpu": "a100", "model": "gpt2", "checkpointing": "full", "dropout": 0.1},
    "selective": {"gpu": "a100", "model": "gpt2", "checkpointing": "selective", "stack": "hf"},
    "masters": {"gpu": "a100", "model": "gpt2-xl", "recipe": "master", "loss": "fused"},
    "accumulated": {"gpu": "a100", "model": "gpt2", "global_batch_tokens": 65_536},
    "offload": {"gpu": "4070ti", "model": "gpt2-xl", "recipe": "master", "offload": "optimizer"},
    "offload all": {"gpu": "4070ti", "model": "gpt2-xl", "offload": "all", "host_memory": "64GiB"},
    "8 bit": {"gpu": "4090", "model": "gpt2-xl", "optimizer": "paged-adamw8bit"},
    "muon": {"gpu": "h100", "model": "llama-3-8b", "gpus": 8, "optimizer": "muon"},
    "in backward": {"gpu": "h100", "model": "llama-2-7b", "optimizer_impl": "in-backward"},
    "lora": {"gpu": "h100", "model": "llama-2-7b", "method": "lora", "lora_dropout": 0.1},
    "qlora": {"gpu": "h100", "model": "llama-2-7b", "method": "qlora", "stack": "hf"},
    "frozen": {"gpu": "a100", "model": "gpt2", "method": "frozen:6"},
    "experts": {"gpu": "a100", "model": "mixtral-8x7b", "gpus": 8},
    "expert parallel": {"gpu": "h100", "model": "deepseek-v3", "gpus": 2048, "ep": 64, "pp": 16},
    "fsdp": {"gpu": "h100", "model": "llama-2-7b", "gpus": 8},
    "replicas": {"gpu": "a100", "model": "gpt2-xl", "gpus": 16, "zero": 0, "network": 10},
    "zero 2": {"gpu": "a100", "model": "llama-2-7b", "gpus": 16, "cp": 2, "zero": 2},
    "hybrid": {"gpu": "h100", "model": "llama-3-8b", "gpus": 64, "dp_shard": 8},
    "tp and pp": {"gpu": "h100", "model": "llama-3.1-405b", "gpus": 1024, "tp": 8, "pp": 8},
    "interleaved": {"gpu": "a100", "model": "gpt3-175b", "gpus": 64, "tp": 8, "pp": 8, "vp": 3},
    "sequence parallel": {
        "gpu": "a100",
        "model": "llama-2-7b",
        "gpus": 4,
        "tp": 4,
        "sequence_parallel": True,
    },
    "utilization": {"gpu": "a100", "model": "gpt2-xl", "utilization": 0.4, "convention": "exact"},
    "fp8": {"gpu": "h100", "model": "llama-3-8b", "gpus": 8, "precision": "fp8"},
    "data": {"gpu": "a100", "model": "gpt2", "data": "10GB", "epochs": 2, "grid": "germany"},
    "20x": {"gpu": "a100", "model": "gpt2", "tokens": "20x", "epochs": 3, "reserve": "1GiB"},
    "flops": {"gpu": "a100", "flops": 1e21, "utilization": 0.4},
    "size": {"gpu": "a100", "model": "1.5B", "utilization": 0.4, "price": 2},
    "given memory": {"gpu": "a100", "model": "gpt2", "gpu_memory": "20GiB", "power": 300},
    "windows": {"gpu": "h100", "model": "gemma-2-9b", "gpus": 8},
    "tpu": {"gpu": "tpu-v4", "model": "gpt2"},
}

NEAR = 1e-9


@pytest.fixture(scope="module", params=RUNS, ids=str)
def explained(request: pytest.FixtureRequest) -> tuple[Estimate, list[Step]]:
    found = api.estimate(**RUNS[request.param])
    return found, explanation(found)


def hold(steps: list[Step]) -> None:
    """Each formula comes to its value, from inputs that are shown, said or computed above."""
    above: dict[str, float] = {}
    for step in steps:
        numbers = {each.name: each.value for each in step.inputs}
        assert evaluated(step.with_numbers) == pytest.approx(step.value, rel=NEAR), step
        assert evaluated(step.formula, numbers) == pytest.approx(step.value, rel=NEAR), step
        assert set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", step.formula)) == set(numbers), step
        assert step.source, step
        for each in step.inputs:
            assert each.source, each
            if each.origin == "computed" and each.source == "a step above":
                assert above[each.name] == each.value, each
        assert step.name not in above
        above[step.name] = step.value


def test_each_step_is_its_formula_with_its_inputs(explained: tuple[Estimate, list[Step]]) -> None:
    hold(explained[1])


def test_every_figure_of_the_answer_is_explained(explained: tuple[Estimate, list[Step]]) -> None:
    found, steps = explained
    values = {step.name: step.value for step in steps}
    plain = answer(found, advise=False)
    wanted: dict[str, float | None] = {
        name: plain["compute"][name]
        for name in (
            "available_flops",
            "required_flops",
            "required_flops_6nd",
            "required_flops_exact",
            "required_flops_causal",
            "ratio",
        )
    }
    wanted |= {f"{part}_bytes": amount for part, amount in plain["memory"]["parts"].items()}
    wanted |= {
        name: plain["memory"][name] for name in ("peak_bytes", "accumulated_bytes", "host_bytes")
    }
    wanted |= {f"{part}_s": seconds for part, seconds in plain["time"]["parts"].items()}
    for name in ("step_s", "tokens_per_s", "mfu", "mfu_causal", "wall_clock_s", "low_s", "high_s"):
        wanted[name] = plain["time"][name]
    wanted["utilization_of_headline"] = plain["time"]["utilization"]
    for name in ("gpu_hours", "usd", "energy_kwh", "electricity_usd", "co2_kg"):
        wanted[name] = plain["cost"][name]
    if found.parameters is not None:
        wanted |= {f"{part}_parameters": n for part, n in found.parameters.parts.items()}
        wanted["parameters"] = found.parameters.total
    missing = {name for name, value in wanted.items() if value is not None and name not in values}
    assert not missing
    for name, value in wanted.items():
        if value is not None:
            assert values[name] == pytest.approx(value, rel=NEAR), name


def test_parts_sum_to_totals(explained: tuple[Estimate, list[Step]]) -> None:
    found, steps = explained
    values = {step.name: step.value for step in steps}
    if found.memory is not None:
        parts = sum(values[f"{part}_bytes"] for part in found.memory.parts)
        assert values["peak_bytes"] == pytest.approx(parts, rel=NEAR)
    if found.time is not None and found.time.parts is not None:
        parts = sum(values[f"{part}_s"] for part in found.time.parts)
        assert values["seconds_of_a_step"] == pytest.approx(parts, rel=NEAR)
        assert values["step_s"] == pytest.approx(parts, rel=NEAR)
    if found.parameters is not None:
        parts = sum(values[f"{part}_parameters"] for part in found.parameters.parts)
        assert values["parameters"] == parts


def test_no_formula_is_longer_than_one_reads(explained: tuple[Estimate, list[Step]]) -> None:
    long = [step.name for step in explained[1] if len(re.findall(r"[\w.]+", step.formula)) > 30]
    assert not long


def test_bytes_are_not_made_of_flops(explained: tuple[Estimate, list[Step]]) -> None:
    """Numbers that were computed alike, such as 2 N, are not taken for one another."""
    for step in explained[1]:
        units = {each.unit for each in step.inputs}
        assert not (step.unit == "B" and units & {"FLOP", "FLOP/token", "s"}), step
        assert not (step.unit == "FLOP/token" and "B" in units), step


def test_a_logged_step_is_in_the_formulas() -> None:
    run = api.estimate(gpu="4070ti", model="gpt2", no_profile=True).run
    assert isinstance(run, ModelRun)
    assert run.prediction is not None
    profile = Profile(
        gpu=run.gpu.key,
        stack=run.stack,
        made="2026-01-01",
        tokens_per_s=40_000.0,
        predicted_tokens_per_s=50_000.0,
        run={},
    )
    prediction = run.prediction._replace(profiles={run.stack: profile})
    found = estimate_run(replace(run, prediction=prediction))
    steps = explanation(found)
    hold(steps)
    assert found.time is not None
    by_name = {step.name: step for step in steps}
    assert by_name["profile_factor"].value == pytest.approx(1.25**0.7, rel=NEAR)
    assert found.time.profile_factor == pytest.approx(1.25**0.7, rel=NEAR)
    assert by_name["products_s"].formula == "products_s_predicted * profile_factor"
    logged = {each.name: each for step in steps for each in step.inputs}["logged_tokens_per_s"]
    assert logged.source == "profile rtx-4070-ti/compiled of 2026-01-01"


@pytest.mark.parametrize(
    ("name", "origin", "source"),
    [
        ("tokens", "given", "--tokens"),
        ("micro_batch", "default", "default of --micro-batch"),
        ("memory_bandwidth_gb_per_s", "catalog", "techpowerup|nvidia"),
        ("layers", "catalog", "huggingface.co/openai-community/gpt2"),
        ("range_low", "assumed", "GeForce"),
        ("parameters", "computed", "a step above"),
        ("price_usd_per_hour", "given", "--price"),
    ],
)
def test_every_input_says_where_it_comes_from(name: str, origin: str, source: str) -> None:
    found = api.estimate(gpu="4070ti", model="gpt2", tokens="1B", price=1)
    inputs = {each.name: each for step in explanation(found) for each in step.inputs}
    assert inputs[name].origin == origin
    assert re.search(source, inputs[name].source)


def test_the_formulas_are_those_of_the_papers() -> None:
    by_name = {
        step.name: step
        for step in explanation(api.estimate(gpu="4070ti", model="gpt2", tokens="1B"))
    }
    assert by_name["required_flops_6nd"].formula == "6 * parameters * tokens"
    assert by_name["required_flops_6nd"].with_numbers == "6 * 124439808 * 1000000000.0"
    assert by_name["embedding_parameters"].with_numbers == "50257 * 768"
    assert by_name["left_bytes"].formula == "usable_bytes - peak_bytes"
    assert by_name["ratio"].formula == "available_flops / required_flops_6nd"


def test_activations_are_bytes_of_a_token_and_layer() -> None:
    found = api.estimate(gpu="a100", model="gpt2", micro_batch=8, stack="native")
    by_name = {step.name: step for step in explanation(found)}
    activations = by_name["activations_bytes"]
    needed = {each.name for each in activations.inputs}
    assert needed & {"kept_by_blocks_bytes", "layers", "bytes_kept_by_a_block"}
    assert "micro_batch_tokens" in by_name["kept_by_attention_bytes"].formula


def test_memory_alone_is_explained_without_time() -> None:
    found = api.estimate(gpu="4070ti", model="gpt2")
    steps = memory_explanation(bill_of(found))
    hold(steps)
    assert {step.unit for step in steps} <= {"", "B", "B/token", "tokens", "channels"}


def test_what_a_block_keeps_is_the_sum_of_its_parts() -> None:
    found = api.estimate(gpu="a100", model="gpt2", micro_batch=8)
    by_name = {step.name: step for step in explanation(found)}
    block = by_name["bytes_kept_by_a_block"]
    assert "kept_by_attention_bytes" in block.formula
    assert "kept_by_network_bytes" in block.formula
    each = by_name["bytes_per_token_and_layer"]
    assert each.value * 8 * 1024 == pytest.approx(block.value, rel=NEAR)


def test_a_grid_has_its_source() -> None:
    found = api.estimate(gpu="a100", model="gpt2", grid="germany")
    inputs = {each.name: each for step in explanation(found) for each in step.inputs}
    assert inputs["grid_g_per_kwh"].origin == "catalog"
    assert "http" in inputs["grid_g_per_kwh"].source


def test_every_model_of_the_catalog_is_explained() -> None:
    for entry in load_catalog().models:
        found = api.estimate(gpu="h100", model=entry.key)
        hold(explanation(found))


def test_every_gpu_of_the_catalog_is_explained() -> None:
    for entry in load_catalog().gpus:
        asked = {"utilization": 0.4} if entry.spec.segment == "historic" else {}
        hold(explanation(api.estimate(gpu=entry.key, model="gpt2", attention="math", **asked)))


@pytest.mark.parametrize(
    ("option", "value", "shared"), [(c[0], c[1], c[3]) for c in CHANGES], ids=str
)
def test_every_option_is_explained(option: str, value: Any, shared: dict[str, Any]) -> None:
    asked = {**BASE, **shared, option: value}
    given = {name: each for name, each in asked.items() if each is not None}
    hold(explanation(compare(ask(given)).estimates[0]))


@pytest.mark.parametrize(
    "options",
    [
        {"flops": 5.76e23},
        {"gpu": "4070ti", "time": "90d"},
        {"gpu": "a100", "cost": 1000},
        {"gpu": "h100", "flops": 1e20},
    ],
    ids=str,
)
def test_a_plan_is_explained(options: dict[str, Any]) -> None:
    plan = gptbudget.plan(**options)
    assert isinstance(plan, Plan)
    steps = plan_explanation(plan)
    hold(steps)
    values = {step.name: step.value for step in steps}
    assert values["best_parameters"] == pytest.approx(plan.optimum.parameters, rel=NEAR)
    assert values["best_tokens"] == pytest.approx(plan.optimum.tokens, rel=NEAR)
    assert values["predicted_loss"] == pytest.approx(plan.optimum.loss, rel=NEAR)


def test_what_a_search_chose_is_not_called_given() -> None:
    found = fit(gpu="4070ti", model="gpt2", top=1)
    way = found.ways[0]
    steps = explanation(way.estimate, chosen_by_search(way))
    hold(steps)
    inputs = {each.name: each for step in steps for each in step.inputs}
    assert inputs["micro_batch"].source.startswith("chosen by fit")
    assert not [each for each in inputs.values() if each.origin == "given"]


def test_a_figure_that_is_not_the_answers_is_a_bug() -> None:
    book = Book()
    layers = book.take("layers", 12, "", "catalog", "somewhere")
    with pytest.raises(AssertionError):
        book.state("parameters", "blocks", layers * 2, "", "a test", 25)


def test_a_name_is_one_number() -> None:
    book = Book()
    book.take("layers", 12, "", "catalog", "somewhere")
    with pytest.raises(AssertionError):
        book.take("layers", 13, "", "catalog", "somewhere")


def test_no_citation_stands_twice() -> None:
    assert len(set(SOURCES.values())) == len(SOURCES)


def test_every_paper_cited_is_cited_by_the_code() -> None:
    """The table of citations says what docstrings say."""
    package = Path(gptbudget.__file__).parent
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("core", "run", "search", "evidence", "budget", "specs", "data")
        for path in (package / folder).rglob("*")
        if path.suffix in {".py", ".yaml"}
    )
    cited = re.findall(r"arXiv (\d{4}\.\d{5})", " ".join(SOURCES.values()))
    assert len(cited) > 15
    assert not [paper for paper in cited if paper not in code]
