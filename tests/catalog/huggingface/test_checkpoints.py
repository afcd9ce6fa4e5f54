"""Values in published checkpoints: what is trained, and what only the checkpoint stores.

The totals are those of the checkpoints on Hugging Face (safetensors headers and model cards):
huggyllama and meta-llama, mistralai/Mixtral-8x7B-v0.1, deepseek-ai/DeepSeek-V3 and -V2-Lite,
google/gemma-7b, bigscience/bloom, tiiuae/falcon-7b; Pythia: Biderman et al. 2023, arXiv
2304.01373, Table 1.
"""

from __future__ import annotations

import pytest

from gptbudget import load_catalog
from gptbudget.core.parameters import checkpoint_only, count_parameters
from gptbudget.specs.model import ModelSpec
from tests.conftest import Cli


def model(name: str) -> ModelSpec:
    return load_catalog().models.find(name).spec


@pytest.mark.parametrize(
    ("name", "values", "beside"),
    [
        ("llama-2-7b", 6_738_417_664, {"rotary_frequencies": 32 * 64}),
        ("llama-2-13b", 13_015_866_880, {"rotary_frequencies": 40 * 64}),
        ("llama-2-70b", 68_976_653_312, {"rotary_frequencies": 80 * 64}),
        ("llama-3-8b", 8_030_261_248, {}),
        ("llama-3-70b", 70_553_706_496, {}),
        ("llama-3.1-405b", 405_853_388_800, {}),
        ("mixtral-8x7b", 46_702_792_704, {}),
        ("deepseek-v3", 671_026_419_200, {"router_correction": 58 * 256}),
        ("deepseek-v2-lite", 15_706_484_224, {}),
        ("gemma-7b", 8_537_680_896, {}),
        ("bloom-176b", 176_247_271_424, {}),
        ("falcon-7b", 7_217_189_760, {"head_copy": 65_024 * 4544}),
    ],
)
def test_what_the_checkpoint_holds(name: str, values: int, beside: dict[str, int]) -> None:
    stored = checkpoint_only(model(name))

    assert dict(stored) == beside
    assert count_parameters(model(name)).total + stored.total == values


def test_active_parameters() -> None:
    # Of DeepSeek-V3 with the balancing terms, and then without the input embedding.
    spec = model("deepseek-v3")
    count, stored = count_parameters(spec), checkpoint_only(spec)

    assert count.active + stored.total == 37_552_297_472
    assert count.active + stored.total - count.parts["embedding"] == 36_625_618_432
    assert count_parameters(model("mixtral-8x7b")).active == 12_879_925_248


def test_falcons_copy_is_not_trained() -> None:
    assert count_parameters(model("falcon-7b")).total == 6_921_720_704


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("pythia-70m", 18_915_328),
        ("pythia-160m", 85_056_000),
        ("pythia-410m", 302_311_424),
        ("pythia-1b", 805_736_448),
        ("pythia-1.4b", 1_208_602_624),
        ("pythia-2.8b", 2_517_652_480),
        ("pythia-6.9b", 6_444_163_072),
        ("pythia-12b", 11_327_027_200),
    ],
)
def test_pythia_without_embeddings(name: str, parameters: int) -> None:
    spec = model(name)
    count = count_parameters(spec)
    h = spec.width

    assert count.total - count.parts["embedding"] - count.parts["head"] == parameters
    assert spec.layers * (12 * h * h + 13 * h) + 2 * h == parameters


def test_the_line_is_shown_beside_the_total(cli: Cli) -> None:
    result = cli("models", "deepseek-v3")
    record = cli("models", "deepseek-v3", "-o", "json").json["parameters"]

    assert "14,848 values that are no parameters" in result.out
    assert record["total"] == sum(record["parts"].values()) == 671_026_404_352
    assert record["checkpoint_only"] == {"router_correction": 14_848}
