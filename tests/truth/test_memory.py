"""Memory by phase against PyTorch's own accounting of a training step."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gptbudget import load_catalog
from gptbudget.core.memory import MemoryByPhase, memory_by_phase
from gptbudget.specs.recipe import Recipe
from tests.measured import rules

HERE = Path(__file__).parent
TABLE = json.loads((HERE / "memory.json").read_text())
CASES = [dict(zip(TABLE["columns"], row, strict=True)) for row in TABLE["rows"]]

# PyTorch's figure, and the phases of ours that it covers.
FIGURES = {
    "start": ("start",),
    "forward_peak": ("forward_peak",),
    "forward_end": ("forward_end",),
    "backward_peak": ("loss_backward", "block_backward"),
    "optimizer_step": ("optimizer_step",),
}


@cache
def predicted(index: int) -> MemoryByPhase:
    """What we say about one case of the table."""
    case = CASES[index]
    recipe = Recipe(
        precision="fp32" if case["mode"] == "fp32" else "bf16",
        recipe="pure" if case["mode"] == "pure" else "autocast",
        **{name: case[name] for name in Recipe.model_fields if name in case},
    )
    model = load_catalog([HERE / "models.yaml"]).models.find(case["model"]).spec
    how = rules(model, case["block"])
    found = memory_by_phase(model, recipe, how, case["micro_batch"], case["seq_len"])
    assert found is not None, case
    return found


def errors(figure: str) -> Iterator[tuple[float, dict[str, Any]]]:
    """The relative error of one figure in every case."""
    for index, case in enumerate(CASES):
        ours = predicted(index)
        bytes_ = (
            ours.peak_bytes
            if figure == "peak"
            else max(ours.phases[phase].total for phase in FIGURES[figure])  # type: ignore[index]
        )
        yield bytes_ / case[figure] - 1, case


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def table(figure: str) -> str:
    """Median, 95th percentile and worst error, by implementation and precision."""
    groups = defaultdict(list)
    for error, case in errors(figure):
        groups[case["block"], case["mode"]].append(abs(error))
    lines = [f"{figure}: |error| in %, by block and precision", "median    p95  worst    n"]
    lines += [
        f"{100 * statistics.median(e):6.3f} {100 * quantile(e, 0.95):6.3f} {100 * max(e):6.3f} "
        f"{len(e):4d}  {block} {mode}"
        for (block, mode), e in sorted(groups.items())
    ]
    worst = sorted(errors(figure), key=lambda found: -abs(found[0]))[:5]
    return "\n".join([*lines, *(f"{100 * error:+.2f} % {case}" for error, case in worst)])


@pytest.mark.parametrize("figure", [*FIGURES, "peak"])
def test_errors_against_pytorch(figure: str) -> None:
    # At most 3 %: attention written out in fp32 at micro-batch 1 keeps views where larger
    # batches make copies, and the coefficients are those of the copies.
    found = [abs(error) for error, _ in errors(figure)]

    assert statistics.median(found) <= 0.001, table(figure)
    assert quantile(found, 0.95) <= 0.01, table(figure)
    assert max(found) <= 0.03, table(figure)


@pytest.mark.parametrize("block", ["nanogpt", "hf-gpt2", "hf-llama"])
@pytest.mark.parametrize("mode", ["autocast", "pure", "fp32"])
def test_no_group_hides_behind_the_others(block: str, mode: str) -> None:
    found = [abs(e) for e, case in errors("peak") if (case["block"], case["mode"]) == (block, mode)]

    assert statistics.median(found) <= 0.005, table("peak")


def test_table_covers_what_can_be_asked() -> None:
    assert len(CASES) >= 150
    assert {case["attention"] for case in CASES} == {"flash", "efficient", "math", "eager"}
    assert {case["checkpointing"] for case in CASES} == {"none", "full"}
    assert {case["optimizer"] for case in CASES} >= {"adamw", "sgd", "sgdm", "adafactor"}
    for option in ("dropout", "accumulate", "keep_logits"):
        assert any(case[option] for case in CASES), option
