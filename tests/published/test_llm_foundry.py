"""MosaicML: sizes and throughput of the benchmark tables, price of MPT-7B.

https://github.com/mosaicml/llm-foundry/blob/main/scripts/train/benchmarking/README.md
https://www.databricks.com/blog/mpt-7b
"""

from __future__ import annotations

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.paths import data_file
from gptbudget.core.cost import gpu_hours, rent_usd
from gptbudget.core.flops import train_flops_per_token
from gptbudget.core.parameters import count_parameters
from gptbudget.specs.model import ModelSpec
from gptbudget.units import DAY_S

MODELS = data_file("published_models.yaml")

PARAMETERS = {
    "125m": 125_311_488,
    "350m": 355_985_408,
    "760m": 760_470_528,
    "1b": 1_315_950_592,
    "3b": 2_651_837_440,
    "7b": 6_658_859_008,
    "13b": 12_853_954_560,
    "30b": 29_975_214_080,
    "70b": 64_862_437_376,
}


def model(size: str) -> ModelSpec:
    return load_catalog([MODELS]).models.find(f"mpt-{size}-bench").spec


@pytest.mark.parametrize(("size", "parameters"), PARAMETERS.items(), ids=PARAMETERS)
def test_parameters_at_2048_positions(size: str, parameters: int) -> None:
    assert count_parameters(model(size)).total == parameters


def test_learned_positions_grow_with_the_sequence() -> None:
    longer = model("7b").model_copy(update={"context": 65_536})

    assert count_parameters(longer).total == 6_918_905_856


@pytest.mark.parametrize(
    ("size", "tokens_per_s", "mfu"),
    [
        pytest.param("7b", 10_643, 46.44, id="7b-H100"),
        pytest.param("70b", 1_007, 41.25, id="70b-512xH100"),
    ],
)
def test_mfu_on_h100(size: str, tokens_per_s: float, mfu: float) -> None:
    # 0.3 %: the table counts the position table as a matrix, and takes 989.5 TFLOP/s.
    flops = train_flops_per_token(model(size), 2048).total * tokens_per_s

    assert 100 * flops / 989.4e12 == pytest.approx(mfu, rel=3e-3)


def test_price_of_mpt_7b() -> None:
    # 440 A100 for 9.5 days at $2: "about $200k".
    assert rent_usd(gpu_hours(440, 9.5 * DAY_S), 2) == pytest.approx(200e3, rel=0.01)
