"""What the tests of Narayanan et al. 2021 (arXiv 2104.04473) have in common: its models, its cards.

GPT of 51,200 tokens of vocabulary and 2,048 of context in fp16, on A100s of 80 GB, eight to a node.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from gptbudget.catalog.catalog import load_catalog
from gptbudget.catalog.paths import data_file
from gptbudget.catalog.reference import load_evidence
from gptbudget.run.complete import complete_model_run
from gptbudget.run.estimate import step_parts
from gptbudget.run.run import NamedGpu, NamedModel, Setting
from gptbudget.specs.options import Options

SEQ_LEN = 2048
STACK: Literal["megatron-2021"] = "megatron-2021"


@cache
def gpu() -> NamedGpu:
    """Its accelerator."""
    entry = load_catalog(user=False).gpus.find("a100-sxm-80gb")
    return NamedGpu(entry.key, entry.spec)


@cache
def model(layers: int, width: int, heads: int) -> NamedModel:
    """A GPT of that shape."""
    found = load_catalog([data_file("published_models.yaml")], user=False)
    known = found.models.find("megatron-76b").spec
    attention = known.attention.model_copy(update={"heads": heads})
    shape = {"layers": layers, "width": width, "attention": attention}
    return NamedModel("megatron-76b", known.model_copy(update=shape))


def options(batch: int, **fixed: Any) -> Options:
    """A run of the program of that year; steps of ``batch`` sequences."""
    return Options(
        stack=STACK,
        precision="fp16",
        seq_len=SEQ_LEN,
        global_batch_tokens=batch * SEQ_LEN,
        goodput=1.0,
        tokens=1e9,
        **fixed,
    )


def hardware_tflops(
    layers: int, width: int, heads: int, *, batch: int, micro_batch: int = 1, **degrees: int
) -> float:
    """Predicted TFLOP/s of a GPU as the paper counts them, equation 3, with full recomputation."""
    work, evidence = model(layers, width, heads), load_evidence()
    full = {"checkpointing": "full", "recipe": "master", "zero": 0, "micro_batch": micro_batch}
    setting = Setting(options(batch, **full, **degrees), gpu(), evidence)
    run = complete_model_run(setting, work)
    vocabulary = work.spec.vocabulary / (16 * layers * width)
    flops = 96 * batch * SEQ_LEN * layers * width**2 * (1 + SEQ_LEN / (6 * width) + vocabulary)
    assert run.prediction is not None
    step = run.step.with_stack(evidence.stacks.stacks[STACK])
    step_s = step_parts(step, run.prediction).total
    return float(flops / run.gpus / step_s / 1e12)
