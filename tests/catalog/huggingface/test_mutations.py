"""Whatever becomes of a published config, it is a model or one sentence about the file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptbudget.catalog.huggingface.load import load_config
from gptbudget.core.conventions import CONVENTIONS, convention_flops_per_token
from gptbudget.core.parameters import checkpoint_only, count_parameters
from gptbudget.errors import FileError
from gptbudget.specs.model import ModelSpec
from tests.catalog.huggingface.test_import import PUBLIC

CONFIGS: list[dict[str, Any]] = [case["config"] for case in PUBLIC]
KEYS = sorted({key for config in CONFIGS for key in config})
TYPES = sorted({config["model_type"] for config in CONFIGS})

numbers = st.one_of(
    st.integers(-2, 300),
    st.sampled_from([10**9, 10**12, 10**18, 10**30, -(10**30), 2**31, 2**63]),
    st.floats(allow_nan=False),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=8), st.sampled_from(TYPES)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def mutated(draw: Callable[[Any], Any]) -> dict[str, Any]:
    """A published config with a few keys dropped, replaced, or taken from another."""
    config = dict(draw(st.sampled_from(CONFIGS)))
    inner = config["text_config"] = dict(config["text_config"]) if "text_config" in config else {}
    for _ in range(draw(st.integers(1, 4))):
        target = draw(st.sampled_from([config, inner])) if inner else config
        key = draw(st.sampled_from(sorted({*target, "num_key_value_heads", "head_dim"})))
        match draw(st.sampled_from(["drop", "replace", "replace", "add", "borrow"])):
            case "drop":
                target.pop(key, None)
            case "replace":
                target[key] = draw(values)
            case "add":
                target[draw(st.sampled_from(KEYS))] = draw(values)
            case _:
                other = draw(st.sampled_from(CONFIGS))
                key = draw(st.sampled_from(sorted(other)))
                target[key] = other[key]
    if not inner:
        config.pop("text_config", None)
    return config


def outcome(file: Path) -> ModelSpec | str:
    try:
        return load_config(file)
    except FileError as error:
        return str(error)


def assert_a_model_or_a_sentence(file: Path) -> None:
    start = time.perf_counter()
    found = outcome(file)
    if isinstance(found, str):
        assert str(file) in found
        assert found.isprintable()
        assert len(found) < 1000
    else:
        count = count_parameters(found)
        assert 0 < count.active <= count.total
        assert all(amount > 0 for amount in count.parts.values())
        assert all(amount > 0 for amount in checkpoint_only(found).values())
        for name in CONVENTIONS:
            assert convention_flops_per_token(found, 128, name) > 0
    assert time.perf_counter() - start < 2


@settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(config=mutated())
def test_mutated_configs(tmp_path: Path, config: dict[str, Any]) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))

    assert_a_model_or_a_sentence(file)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    text=st.sampled_from([json.dumps(config, indent=1) for config in CONFIGS]),
    start=st.integers(0, 400),
    length=st.integers(0, 60),
    junk=st.text(max_size=12),
)
def test_damaged_text(tmp_path: Path, text: str, start: int, length: int, junk: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text[:start] + junk + text[start + length :], encoding="utf-8")

    assert_a_model_or_a_sentence(file)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200))
def test_junk(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)

    assert_a_model_or_a_sentence(file)


@pytest.mark.parametrize("config", CONFIGS, ids=[case["name"] for case in PUBLIC])
def test_every_key_dropped_or_null_or_of_another_kind(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    file = tmp_path / "config.json"
    others: list[Any] = [None, True, "", [], {}, -1]
    for key in config:
        rest = {name: given for name, given in config.items() if name != key}
        for changed in (rest, *({**config, key: other} for other in others)):
            file.write_text(json.dumps(changed))
            assert_a_model_or_a_sentence(file)
