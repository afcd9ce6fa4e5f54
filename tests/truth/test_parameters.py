"""Parameter counts against models built by transformers, to the unit."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from gptbudget import load_catalog
from gptbudget.core.parameters import count_parameters, matmul_weights
from gptbudget.specs.model import ModelSpec

HERE = Path(__file__).parent
ROWS = json.loads((HERE / "parameters.json").read_text())["rows"]


@cache
def model(name: str) -> ModelSpec:
    return load_catalog([HERE / "models.yaml"]).models.find(name).spec


@pytest.mark.parametrize(("name", "total", "active"), ROWS, ids=[row[0] for row in ROWS])
def test_parameters_are_exact(name: str, total: int, active: int) -> None:
    count = count_parameters(model(name))

    assert count.total == total
    assert count.active == active


@pytest.mark.parametrize("name", [row[0] for row in ROWS])
def test_parts_sum_to_the_total(name: str) -> None:
    count = count_parameters(model(name))

    assert sum(count.parts.values()) == count.total
    assert all(isinstance(amount, int) and amount > 0 for amount in count.parts.values())


@pytest.mark.parametrize("name", [row[0] for row in ROWS])
def test_weights_that_multiply_are_parameters(name: str) -> None:
    spec, count = model(name), count_parameters(model(name))
    lookup = 0 if spec.head.tied else count.parts["embedding"]

    assert matmul_weights(spec).total <= count.active - lookup
