"""Rates of single published runs, each from its own source.

torchtitan: https://github.com/pytorch/torchtitan/blob/main/benchmarks/llama3_h100_202412_torchtitan.md
Megatron-Bridge: https://github.com/NVIDIA-NeMo/Megatron-Bridge/blob/main/docs/performance-summary.md
MT-NLG as computed by Chowdhery et al. 2022, arXiv 2204.02311, section 4.1
DeepSeek-V3: arXiv 2412.19437, Table 1
"""

from __future__ import annotations

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.paths import data_file
from gptbudget.core.cost import rent_usd
from gptbudget.core.flops import train_flops_per_token, train_flops_per_token_6n

MODELS = data_file("published_models.yaml")


@pytest.mark.parametrize(
    ("name", "seq", "tokens_per_s_per_gpu", "peak", "mfu", "tolerance"),
    [
        pytest.param("llama-3-8b", 8192, 6667, 989.4e12, 39, 3e-3, id="torchtitan-8B"),
        pytest.param(
            "megatron-530b", 2048, 1920 * 2048 / 60.1 / 2240, 312e12, 30.2, 3e-3, id="MT-NLG"
        ),
    ],
)
def test_mfu(
    name: str, seq: int, tokens_per_s_per_gpu: float, peak: float, mfu: float, tolerance: float
) -> None:
    per_token = train_flops_per_token(load_catalog([MODELS]).models.find(name).spec, seq).total

    assert 100 * per_token * tokens_per_s_per_gpu / peak == pytest.approx(mfu, rel=tolerance)


@pytest.mark.parametrize(
    ("name", "seq", "flops_per_token"),
    [
        # TFLOP/s over tokens/s of the same row; 0.6 %: both are rounded.
        pytest.param("llama-3.1-405b", 8192, 2.52134e12, id="405B"),
        pytest.param("llama-3-70b", 4096, 4.33455e11, id="70B"),
    ],
)
def test_megatron_counts_half_the_square(name: str, seq: int, flops_per_token: float) -> None:
    causal = train_flops_per_token(load_catalog().models.find(name).spec, seq, "causal").total

    assert causal == pytest.approx(flops_per_token, rel=6e-3)


@pytest.mark.parametrize(
    ("name", "seq", "share"), [("llama-3-8b", 8192, 0.8888), ("gpt2", 1024, 0.9338)]
)
def test_share_of_the_causal_count(name: str, seq: int, share: float) -> None:
    # Derived: (s + 1) / 2 positions a query instead of s.
    model = load_catalog().models.find(name).spec
    full, half = (train_flops_per_token(model, seq, square).total for square in ("full", "causal"))

    assert half / full == pytest.approx(share, rel=1e-3)


def test_deepseek_v3() -> None:
    # 2.788M H800-hours at $2; 14.8T tokens in the 2.664M hours of pre-training.
    assert rent_usd(2.788e6, 2) == pytest.approx(5.576e6, rel=1e-9)
    rate = train_flops_per_token_6n(37.55e9) * 14.8e12 / (2.664e6 * 3600)
    assert rate == pytest.approx(347.7e12, rel=1e-3)
