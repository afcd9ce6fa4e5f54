"""Every step comes to the figure that the answer holds, from the inputs that it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gptbudget
from gptbudget import api
from gptbudget.answer import explain
from gptbudget.answer.data import answer
from gptbudget.answer.document import flatten
from gptbudget.answer.explain.document import chosen_by_search
from gptbudget.answer.explain.named import Explained, explanation, plan_explanation
from gptbudget.answer.explain.steps import ABOVE, Explanation, Input, Step, citations
from gptbudget.answer.explain.traced import Tracing
from gptbudget.api import fit
from gptbudget.budget.budget import Plan
from gptbudget.catalog.catalog import load_catalog
from gptbudget.catalog.yamlfile import read_yaml
from gptbudget.run.complete import complete_run
from gptbudget.run.estimate import Estimate, compare
from gptbudget.run.estimate import estimate as estimate_run
from gptbudget.run.question import ask
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
MOST = 16
"""Numbers in one formula."""


@pytest.fixture(scope="module", params=RUNS, ids=str)
def explained(request: pytest.FixtureRequest) -> tuple[Estimate, Explained]:
    found = api.estimate(**RUNS[request.param])
    return found, explanation(found)


def names_in(formula: str) -> list[str]:
    return re.findall(r"(?<![\w.])[A-Za-z_][\w.]*", formula)


def hold(steps: list[Step]) -> None:
    """Each formula comes to its value, from inputs that are shown, said or computed above."""
    above: dict[str, float] = {}
    for step in steps:
        numbers = {each.name: each.value for each in step.inputs}
        assert evaluated(step.with_numbers) == pytest.approx(step.value, rel=NEAR), step
        assert evaluated(step.formula, numbers) == pytest.approx(step.value, rel=NEAR), step
        assert set(names_in(step.formula)) == set(numbers), step
        assert len(re.findall(r"[\w.]+", step.formula)) <= 2 * MOST, step
        assert step.source, step
        for each in step.inputs:
            assert each.source, each
            if each.source == ABOVE:
                assert above[each.name] == each.value, each
            else:
                assert each.name not in above or above[each.name] == each.value
        assert step.name not in above
        above[step.name] = step.value


def by_name(found: Explained) -> dict[str, Step]:
    return {step.name: step for step in found.steps}


def inputs_of(found: Explained) -> dict[str, Input]:
    """The leaves of all formulas."""
    return {each.name: each for step in found.steps for each in step.inputs if each.source != ABOVE}


def test_each_step_is_its_formula_with_its_inputs(explained: tuple[Estimate, Explained]) -> None:
    hold(explained[1].steps)


def test_every_figure_of_the_answer_is_explained(explained: tuple[Estimate, Explained]) -> None:
    found, explanation = explained
    steps, numbers = by_name(explanation), flatten(answer(found, advise=False))
    called = {each.path: each.name for each in explanation.quantities}
    for path, number in numbers.items():
        if isinstance(number, int | float) and not isinstance(number, bool):
            assert steps[called[path]].value == pytest.approx(number, rel=NEAR), path


def test_nothing_is_computed_beside_the_usual_path(
    explained: tuple[Estimate, Explained], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is completed once more, by the function that completed it."""
    asked: list[Any] = []

    def spy(*inputs: Any) -> Any:
        asked.append(inputs)
        return complete_run(*inputs)

    monkeypatch.setattr("gptbudget.answer.explain.named.complete_run", spy)
    again = explanation(explained[0])
    assert len(asked) == 1
    assert again.steps == explained[1].steps


def test_parts_sum_to_totals(explained: tuple[Estimate, Explained]) -> None:
    found, steps = explained[0], by_name(explained[1])
    if found.memory is not None:
        parts = [name for name in steps if re.fullmatch(r"memory\.[a-z_]+", name)]
        assert set(names_in(steps["peak_bytes"].formula)) <= {*parts, "framework_bytes"}
        assert sum(steps[f"memory.{part}"].value for part in found.memory.parts) == pytest.approx(
            steps["peak_bytes"].value, rel=NEAR
        )
    if found.parameters is not None:
        parts = [f"parameters.{part}" for part in found.parameters.parts]
        assert steps["parameters"].value == sum(map(evaluated_part(found), parts))


def evaluated_part(found: Estimate) -> Any:
    assert found.parameters is not None
    amounts = found.parameters.parts
    return lambda name: amounts[name.removeprefix("parameters.")]


def test_bytes_are_not_made_of_flops(explained: tuple[Estimate, Explained]) -> None:
    """Numbers that were computed alike, such as 2 N, are not taken for one another."""
    for step in explained[1].steps:
        units = {each.unit for each in step.inputs}
        assert not (step.unit == "B" and units & {"FLOP", "s"}), step
        assert not (step.unit == "FLOP" and "B" in units), step


def test_a_logged_step_is_in_the_formulas() -> None:
    run = api.estimate(gpu="4070ti", model="gpt2", no_profile=True).run
    profile = Profile(
        gpu=run.gpu.key,
        stack="compiled",
        made="2026-01-01",
        tokens_per_s=40_000.0,
        predicted_tokens_per_s=50_000.0,
        run={},
    )
    context = run.setting.context._replace(profiles=(profile,))
    logged = complete_run(run.setting._replace(context=context), run.work)
    found = explanation(estimate_run(logged))
    hold(found.steps)
    steps = by_name(found)
    assert steps["time.profile.factor"].value == pytest.approx(1.25**0.7, rel=NEAR)
    assert "time.profile.factor" in names_in(steps["time.products"].formula)
    assert inputs_of(found)["profile.tokens_per_s"].source == "rtx-4070-ti/compiled"


@pytest.mark.parametrize(
    ("name", "origin", "source"),
    [
        ("tokens", "given", "--tokens"),
        ("micro_batch", "default", "default of --micro-batch"),
        ("gpu.memory_bandwidth_gb_per_s", "catalog", "techpowerup|nvidia"),
        ("layers", "catalog", "huggingface.co/openai-community/gpt2"),
        ("seq_len", "catalog", "context: https://huggingface.co/openai-community/gpt2"),
        ("range_7.low", "assumed", "GeForce"),
        ("stack.speed.logit_bytes", "default", "compiled stack: by hand"),
        ("price_usd_per_hour", "given", "--price"),
    ],
)
def test_every_input_says_where_it_comes_from(name: str, origin: str, source: str) -> None:
    found = explanation(api.estimate(gpu="4070ti", model="gpt2", tokens="1B", price=1))
    leaf = inputs_of(found)[name]
    assert leaf.origin == origin
    assert re.search(source, leaf.source)


def test_the_formulas_are_those_of_the_papers() -> None:
    steps = by_name(explanation(api.estimate(gpu="4070ti", model="gpt2", tokens="1B")))
    assert steps["required_flops_6nd"].formula == "6 * parameters * tokens"
    assert steps["required_flops_6nd"].with_numbers == "6 * 124439808 * 1000000000.0"
    assert steps["parameters.embedding"].with_numbers == "50257 * 768"
    assert steps["ratio"].formula == "available_flops / required_flops_6nd"
    assert steps["required_flops"].formula == "required_flops_6nd"


def test_what_has_no_citation_is_said_by_the_function_that_computed_it() -> None:
    steps = by_name(explanation(api.estimate(gpu="4070ti", model="gpt2", tokens="1B")))
    assert steps["memory.weights"].source == citations()["memory.weights"]
    assert steps["query_width"].source == (
        "specs.model.ModelSpec.query_width: Channels of all query heads together."
    )


def test_memory_alone_is_explained_without_time() -> None:
    found = explanation(api.estimate(gpu="4070ti", model="gpt2"), {}, {"memory"})
    hold(found.steps)
    assert {step.unit for step in found.steps} <= {"", "B", "tokens"}


def test_a_grid_has_its_source() -> None:
    found = explanation(api.estimate(gpu="a100", model="gpt2", grid="germany"))
    leaf = inputs_of(found)["grid_g_per_kwh"]
    assert leaf.origin == "catalog"
    assert "http" in leaf.source


def test_every_model_and_every_gpu_of_the_catalog_is_explained() -> None:
    """Each stands in one pair at least; the shorter list begins again where it ends."""
    catalog = load_catalog()
    models, gpus = list(catalog.models), list(catalog.gpus)
    for place in range(max(len(models), len(gpus))):
        gpu, model = gpus[place % len(gpus)], models[place % len(models)]
        asked = {"utilization": 0.4} if gpu.spec.segment == "historic" else {}
        found = api.estimate(gpu=gpu.key, model=model.key, attention="math", **asked)
        hold(explanation(found).steps)


@pytest.mark.parametrize(
    ("option", "value", "shared"), [(c[0], c[1], c[3]) for c in CHANGES], ids=str
)
def test_every_option_is_explained(option: str, value: Any, shared: dict[str, Any]) -> None:
    asked = {**BASE, **shared, option: value}
    given = {name: each for name, each in asked.items() if each is not None}
    hold(explanation(compare(ask(given)).estimates[0]).steps)


@given(
    micro_batch=st.integers(1, 9),
    gpus=st.sampled_from([1, 2, 6, 8, 24, 64]),
    tokens=st.floats(1e6, 1e14),
    seq_len=st.sampled_from([1, 77, 512, 1024]),
    batch=st.integers(10**6, 10**7),
    tp=st.sampled_from([1, 2]),
)
@settings(max_examples=15, deadline=None)
def test_any_run_is_explained(
    micro_batch: int, gpus: int, tokens: float, seq_len: int, batch: int, tp: int
) -> None:
    asked = {"tokens": tokens, "seq_len": seq_len, "tp": tp if gpus % tp == 0 else 1}
    found = api.estimate(
        gpu="a100",
        model="gpt2",
        gpus=gpus,
        micro_batch=micro_batch,
        global_batch_tokens=batch,
        **asked,
    )
    hold(explanation(found).steps)


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
    found = plan_explanation(plan)
    hold(found.steps)
    values = {step.name: step.value for step in found.steps}
    assert values["optimum.parameters"] == pytest.approx(plan.optimum.parameters, rel=NEAR)
    assert values["optimum.tokens"] == pytest.approx(plan.optimum.tokens, rel=NEAR)
    assert values["optimum.loss"] == pytest.approx(plan.optimum.loss, rel=NEAR)
    assert values["budget.flops"] == pytest.approx(plan.budget.flops, rel=NEAR)


def test_what_a_search_chose_is_not_called_given() -> None:
    way = fit(gpu="4070ti", model="gpt2", top=1).ways[0]
    found = explanation(way.estimate, chosen_by_search(way))
    hold(found.steps)
    inputs = inputs_of(found)
    assert inputs["micro_batch"].source.startswith("chosen by fit")
    assert not [each for each in inputs.values() if each.origin == "given"]


def test_a_figure_that_is_not_the_answers_is_a_bug() -> None:
    tracing = Tracing()
    leaves = {"layers": Input("layers", 12, "", "catalog", "somewhere")}
    book = Explanation(leaves, {"blocks": tracing.leaf("layers", 12) * 2}, {})
    with pytest.raises(AssertionError):
        book.state("blocks", 25)


def test_no_citation_stands_twice() -> None:
    file = Path(explain.__file__).with_name("sources.yaml")
    cited = list(read_yaml(file).data.values())
    assert len(set(cited)) == len(cited)


def test_every_paper_cited_is_cited_by_the_code() -> None:
    """The table of citations says what docstrings say."""
    package = Path(gptbudget.__file__).parent
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("core", "run", "search", "evidence", "budget", "specs", "data")
        for path in (package / folder).rglob("*")
        if path.suffix in {".py", ".yaml"}
    )
    cited = re.findall(r"arXiv (\d{4}\.\d{5})", " ".join(citations().values()))
    assert len(cited) > 15
    assert not [paper for paper in cited if paper not in code]
