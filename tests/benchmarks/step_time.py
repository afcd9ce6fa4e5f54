"""How fast the time formula is: one prediction, and a million as arrays, as ratios in one run.

Run it as ``python tests/benchmarks/step_time.py``. The yardstick is a closed form of three lines in
a plain loop: 6 N D over a share of the peak, with a bubble.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from gptbudget import load_catalog
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.step import TrainingStep, implementation
from gptbudget.core.time.step import step_time
from gptbudget.run.machine import machine_of
from gptbudget.specs.layout import Layout
from gptbudget.specs.recipe import Recipe

MANY, ONES = 1_000_000, 2_000


def closed_form(tokens: int, stages: int) -> float:
    flops = 6 * 6.7e9 * tokens
    seconds = flops / (0.4 * 989e12)
    return seconds * (1 + (stages - 1) / 8)


def main() -> None:
    """Time the formula and print it beside the yardstick."""
    catalog, stack = load_catalog(), load_evidence().stacks.stacks["megatron"]
    gpu, model = catalog.gpus.find("h100").spec, catalog.models.find("llama-2-7b").spec
    machine = machine_of(gpu, "bf16", 989e12, stack.speed, 50.0).rates
    how = implementation(model, "megatron", load_evidence().stacks, "plain")
    recipe, layout = (
        Recipe(precision="bf16", weight_storage="master"),
        Layout(dp=8, tp=4, pp=2, zero=1),
    )

    def predict(batch: Any, seq: Any, many: Any) -> Any:
        return step_time(TrainingStep(model, recipe, how, batch, seq, layout, many), machine).total

    def seconds(work: Any) -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    def loop() -> None:
        for stages in range(MANY):
            closed_form(4096, 1 + stages % 8)

    rng = np.random.default_rng(0)
    batches, lengths = rng.integers(1, 64, MANY), 128 * rng.integers(1, 64, MANY)
    steps = rng.integers(1, 256, MANY)
    yardstick = seconds(loop)
    arrays = seconds(lambda: predict(batches, lengths, steps))
    ones = seconds(lambda: [predict(1, 4096, 8) for _ in range(ONES)]) / ONES
    print(f"{MANY:,} in a loop of three lines  {yardstick:6.2f} s   1.00 x")
    print(f"{MANY:,} predictions as arrays     {arrays:6.2f} s  {arrays / yardstick:5.2f} x")
    print(f"one prediction                    {ones * 1e6:6.0f} us")


if __name__ == "__main__":
    main()
