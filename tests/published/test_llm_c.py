"""llm.c: step times, run times and prices of its GPT-2 reproductions.

https://github.com/karpathy/llm.c/blob/master/scripts/run_gpt2_124M.sh
https://github.com/karpathy/llm.c/blob/master/scripts/run_gpt2_1558M.sh
https://github.com/karpathy/llm.c/blob/master/llmc/mfu.h
"""

from __future__ import annotations

import pytest

from gptbudget import load_catalog
from gptbudget.core.cost import gpu_hours, rent_usd
from gptbudget.core.flops import train_flops_per_token, train_flops_per_token_6n
from gptbudget.core.parameters import count_parameters


@pytest.mark.parametrize(
    ("name", "gpu", "tokens", "step_s", "mfu", "tolerance"),
    [
        # Derived from the printed step time; three digits of it.
        pytest.param("gpt2", "a100", 524_288, 0.300, 0.598, 1e-3, id="124M-8xA100"),
        pytest.param("gpt2-xl", "h100", 1_048_576, 2.80, 0.486, 5e-3, id="1558M-8xH100"),
    ],
)
def test_mfu_over_the_full_square(
    name: str, gpu: str, tokens: int, step_s: float, mfu: float, tolerance: float
) -> None:
    catalog = load_catalog()
    peak = catalog.gpus.find(gpu).spec.peak_flops_per_s("bf16")
    per_token = train_flops_per_token(catalog.models.find(name).spec, 1024).total

    assert peak is not None
    assert per_token * tokens / step_s / (8 * peak) == pytest.approx(mfu, rel=tolerance)


def test_mfu_as_it_prints_it() -> None:
    # 6 N + 6 L C T: half the attention square, and every parameter.
    model = load_catalog().models.find("gpt2").spec
    half = train_flops_per_token_6n(count_parameters(model).total)
    half += 6 * model.layers * model.width * 1024

    assert half * 524_288 / 0.300 / (8 * 312e12) == pytest.approx(0.562, rel=1e-3)


def test_one_epoch_comment_of_the_1558m_script() -> None:
    # The script's comment says 6.966e20; six times its own factors are 2.99e20.
    assert train_flops_per_token_6n(1558e6) * 32e9 == pytest.approx(2.99e20, rel=1e-3)


@pytest.mark.parametrize(
    ("steps", "step_s", "node_usd_per_hour", "hours", "usd"),
    [
        # Discussions 481 and 677; 1 %: whole dollars.
        pytest.param(18_865, 0.300, 14, 94.3 / 60, 22, id="124M"),
        pytest.param(32_000, 2.7, 28, 24.0, 672, id="1558M"),
    ],
)
def test_price_of_a_node(
    steps: int, step_s: float, node_usd_per_hour: float, hours: float, usd: float
) -> None:
    used = gpu_hours(8, steps * step_s)

    assert used / 8 == pytest.approx(hours, rel=1e-3)
    assert rent_usd(used, node_usd_per_hour / 8) == pytest.approx(usd, rel=1e-2)


def test_peak_of_the_4070_ti() -> None:
    # mfu.h scales the RTX 4090's 165.2 TFLOP/s by tensor cores and clock.
    scaled = 165.2e12 * (240 / 512) * (2610 / 2520)
    spec = load_catalog().gpus.find("4070ti").spec

    assert spec.peak_flops_per_s("bf16") == pytest.approx(scaled, rel=1e-3)
