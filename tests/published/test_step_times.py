"""Published step times and rates against the prediction, at a goodput of one."""

from __future__ import annotations

from typing import Any

import pytest

from gptbudget import estimate
from gptbudget.core.flops import recomputed_flops_per_token, train_flops_per_token
from gptbudget.run.estimate import Estimate, Time


def predicted(**options: Any) -> tuple[Estimate, Time]:
    found = estimate(**{"goodput": 1.0, **options})
    assert found.time is not None
    return found, found.time


def test_llm_c_124m_on_8_a100() -> None:
    # https://github.com/karpathy/llm.c/discussions/481: 300 ms a step of 524,288 tokens; 8 %.
    _, time = predicted(
        model="gpt2", gpu="a100-sxm-80gb", gpus=8, zero=1, stack="native", micro_batch=64,
        global_batch_tokens=524_288,
    )  # fmt: skip

    assert time.step_s == pytest.approx(0.300, rel=0.08)


def test_llm_c_1558m_on_8_h100() -> None:
    # https://github.com/karpathy/llm.c/discussions/677: 2.80 s a step of 1,048,576 tokens; 10 %.
    _, time = predicted(
        model="gpt2-xl", gpu="h100", gpus=8, zero=1, stack="native", micro_batch=16,
        global_batch_tokens=1_048_576,
    )  # fmt: skip

    assert time.step_s == pytest.approx(2.80, rel=0.10)


def test_gpt3_on_1024_a100() -> None:
    # Narayanan et al. 2021, section 5.1: 140 TFLOP/s, recomputation counted; 12 %.
    run, time = predicted(
        model="gpt3-175b", gpu="a100-sxm-80gb", gpus=1024, tp=8, pp=16, zero=0, seq_len=2048,
        micro_batch=1, global_batch_tokens=1536 * 2048, stack="megatron-2021", precision="fp16",
        checkpointing="full",
    )  # fmt: skip
    spec = run.run.work.spec  # type: ignore[union-attr]
    executed = train_flops_per_token(spec, 2048).total
    executed += recomputed_flops_per_token(spec, 2048, "full")
    assert time.step_s is not None
    rate = executed * 1536 * 2048 / time.step_s / 1024

    assert rate / 1e12 == pytest.approx(140, rel=0.12)


def test_gpt2_on_a_4070_ti() -> None:
    # No run was published; published cards beside it bound it.
    _, time = predicted(model="gpt2", gpu="4070ti", micro_batch=16)

    assert time.tokens_per_s is not None
    assert 40_000 <= time.tokens_per_s <= 60_000
    slow, fast = time.by_stack["hf"], time.by_stack["native"]
    assert slow.tokens_per_s is not None
    assert fast.tokens_per_s is not None
    assert slow.tokens_per_s < time.tokens_per_s < fast.tokens_per_s
