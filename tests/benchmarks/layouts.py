"""Layouts a second beside a closed form of three lines, and whole searches, in one run.

Run it as ``python tests/benchmarks/layouts.py``. A million layouts of GPT-3 175B, no two alike, are
every pipeline of its 96 layers with three stages or more, tensor, context and data degrees, and
micro-batches, in one array for each number of sequences of a step; of each layout the whole memory
bill and the step time are computed. As in a search, what depends on some of the degrees alone is
computed once for these. The yardstick is a plain loop: 6 N D over a share of the peak and a bubble.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np

import gptbudget
from gptbudget import load_catalog
from gptbudget.catalog.reference import load_evidence
from gptbudget.core.memory.overhead import overhead_parts
from gptbudget.core.memory.timeline import peak_bytes
from gptbudget.core.step import TrainingStep, implementation
from gptbudget.core.time.step import step_time
from gptbudget.run.machine import machine_of
from gptbudget.search.layouts import divisors
from gptbudget.specs.layout import Layout
from gptbudget.specs.recipe import Recipe

MILLION = 1_000_000
LENGTH = 2048
SEQUENCES = range(1152, 4096, 96)
"""Of a step: one array each, until there are a million layouts."""


def closed_form(tokens: int, stages: int) -> float:
    flops = 6 * 6.7e9 * tokens
    seconds = flops / (0.4 * 989e12)
    return seconds * (1 + (stages - 1) / 8)


def seconds_of(work: Callable[[], Any]) -> float:
    """Seconds of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def loop() -> None:
    """A million closed forms."""
    for stages in range(MILLION):
        closed_form(4096, 1 + stages % 8)


def axis(values: Any, dimension: int) -> Any:
    """Values along one of four dimensions."""
    shape = [1] * 4
    shape[dimension] = -1
    return np.array(list(values)).reshape(shape)


class Chunk(NamedTuple):
    """The layouts for one number of sequences, each axis an axis of the arrays."""

    layout: Layout
    micro_batch: Any
    micro_batches: Any
    size: int


class Space:
    """All layouts, as chunks."""

    def __init__(self) -> None:
        catalog, evidence = load_catalog(), load_evidence()
        gpu, self.model = catalog.gpus.find("a100").spec, catalog.models.find("gpt3-175b").spec
        self.stack = evidence.stacks.stacks["megatron"]
        self.machine = machine_of(gpu, "bf16", 312e12, self.stack.speed, 25.0).rates
        self.recipe = Recipe(precision="bf16", weight_storage="master", checkpointing="full")
        self.how = implementation(self.model, "megatron", evidence.stacks, self.recipe.loss)
        self.chunks: list[Chunk] = []
        for sequences in SEQUENCES:
            self.chunks.append(self._chunk(sequences))
            if self.size >= MILLION:
                break

    @property
    def size(self) -> int:
        """How many there are."""
        return sum(chunk.size for chunk in self.chunks)

    def _chunk(self, sequences: int) -> Chunk:
        layers = divisors(self.model.layers)
        pipelines = [
            (pp, vp)
            for pp, vp in product(layers, layers)
            if pp > 2 and self.model.layers % (pp * vp) == 0
        ]
        replicas = [
            (dp, batch)
            for dp, batch in product(divisors(sequences), (1, 2, 3, 4, 6, 8, 12, 16))
            if sequences % (dp * batch) == 0
        ]
        pp, vp = (axis(values, 3) for values in zip(*pipelines, strict=True))
        dp, batch = (axis(values, 1) for values in zip(*replicas, strict=True))
        tp, cp = axis((1, 2, 3, 4, 6, 8, 12, 16), 2), axis((1, 2), 0)
        layout = Layout(dp=dp, tp=tp, pp=pp, vp=vp, cp=cp, zero=1, sequence_parallel=True)
        size = cp.size * dp.size * tp.size * pp.size
        return Chunk(layout, batch, sequences // (dp * batch), size)

    def evaluate(self) -> None:
        """Memory and time of them all."""
        for layout, batch, many, size in self.chunks:
            step = TrainingStep(self.model, self.recipe, self.how, batch, LENGTH, layout, many)
            found = peak_bytes(step)
            assert found is not None
            bill = found[0] + overhead_parts(found[0], "8.0", layout).total
            step_s = step_time(step, self.machine).total
            assert bill.size == step_s.size == size
            assert np.isfinite(bill + step_s).all()


def main() -> None:
    """Print rates beside the yardstick, and what whole searches take."""
    yardstick = MILLION / seconds_of(loop)
    space = Space()
    rate = space.size / seconds_of(space.evaluate)
    print(f"{space.size:,} layouts in {len(space.chunks)} arrays")
    print(f"closed form in a loop      {yardstick:12,.0f} a second   1.00")
    print(f"memory and time as arrays  {rate:12,.0f} a second  {rate / yardstick:5.2f}")
    searches: list[dict[str, Any]] = [
        {"gpu": "4070ti", "model": "gpt2-xl"},
        {"gpu": "a100", "model": "gpt3-175b", "gpus": 1024},
        {"gpu": "h100", "model": "deepseek-v3", "gpus": 2048},
        {"gpu": "h100", "model": "gpt3-175b", "gpus": "1..1024"},
    ]
    for asked in searches:
        begin = time.perf_counter()
        search = gptbudget.fit(**asked, top=1).found
        whole = time.perf_counter() - begin
        name = " ".join(str(value) for value in asked.values())
        print(
            f"fit {name:<28} {search.candidates:>12,} candidates {search.evaluated:>10,} evaluated "
            f"in {whole:5.2f} s"
        )
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {kib / (2**20 if sys.platform == 'darwin' else 2**10):,.0f} MiB")


if __name__ == "__main__":
    main()
