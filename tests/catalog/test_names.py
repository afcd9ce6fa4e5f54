"""Names are forgiving in case and punctuation, and in nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.index import is_size, normalized
from gptbudget.errors import UnknownNameError
from tests.conftest import Cli, assert_refused


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("4070ti", "rtx-4070-ti"),
        ("RTX 4070 Ti", "rtx-4070-ti"),
        ("rtx-4070-ti", "rtx-4070-ti"),
        ("rtx_4070_TI", "rtx-4070-ti"),
        ("NVIDIA GeForce RTX 4070 Ti", "rtx-4070-ti"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm-80gb"),
        ("l4", "l4"),
        ("L40", "l40"),
        ("l40s", "l40s"),
        ("4090", "rtx-4090"),
    ],
)
def test_one_card_by_many_names(name: str, key: str) -> None:
    """What drivers, shops and people call a card."""
    assert load_catalog().gpus.find(name).key == key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("GPT-2 XL", "gpt2-xl"),
        ("gpt2-1.5b", "gpt2-xl"),
        ("gpt3 1.3B", "gpt3-1.3b"),
        ("gpt3-13b", "gpt3-13b"),
    ],
)
def test_one_model_by_many_names(name: str, key: str) -> None:
    """The decimal point tells 1.3B from 13B."""
    assert load_catalog().models.find(name).key == key


# Lightning and torchtitan match by substring: there an RTX A4000 becomes an A40, an L40S an L4,
# a 4070 Ti SUPER a 4070 SUPER.
@pytest.mark.parametrize("name", ["a4000x", "geforce", "070ti", "4070 ti supe", "rtx a1000", "100"])
def test_never_a_part_of_a_name(name: str) -> None:
    with pytest.raises(UnknownNameError):
        load_catalog().gpus.find(name)


def test_ambiguous() -> None:
    """V100 is four cards with two memories and two clocks; the catalog declares no favourite."""
    with pytest.raises(UnknownNameError, match="ambiguous") as caught:
        load_catalog().gpus.find("v100")
    for key in ("v100-pcie-16gb", "v100-pcie-32gb", "v100-sxm-16gb", "v100-sxm-32gb"):
        assert key in str(caught.value)


@pytest.mark.parametrize("name", ["1.5B", "124M", "124439808", "1e9"])
def test_sizes(name: str) -> None:
    assert is_size(name)


@pytest.mark.parametrize("name", ["gpt2", "4070ti", "l4", "", "1.5X"])
def test_no_sizes(name: str) -> None:
    assert not is_size(name)


def test_normalized_keeps_only_decimal_points() -> None:
    assert normalized("  Llama-3.1 405B. ") == "llama3.1405b"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("compare", "--gpu", "GPT2", "--model", "gpt2"), "gpt2 is a model, not an accelerator"),
        (("gpus", "gpt2"), "gpt2 is a model, not an accelerator"),
        (
            ("compare", "--gpu", "4090", "--model", "4070ti"),
            "rtx-4070-ti is an accelerator, not a model",
        ),
        (("models", "RTX 4070 Ti"), "rtx-4070-ti is an accelerator, not a model"),
    ],
)
def test_a_name_of_the_other_section(cli: Cli, command: tuple[str, ...], said: str) -> None:
    assert_refused(cli(*command), 3, said)


@pytest.mark.parametrize(
    "key", ["a b", 'a"b', "a`b", "a$b", "a(b", "a;b", "a/b", "a'b", "a:b", " "]
)
def test_a_key_that_a_shell_could_take_for_more(cli: Cli, tmp_path: Path, key: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"gpus:\n  {json.dumps(key)}:\n    peak_tflops: {{fp32: 1}}\n")

    assert_refused(cli("gpus", "--catalog", str(file)), 4, f"{file}:2: gpus: {key!r} cannot be")
    assert (
        f"{file}:2: gpus: {key!r} cannot be a key"
        in cli("catalog", "check", "--catalog", str(file)).out
    )


@pytest.mark.parametrize("key", ["карта-1", "ギガ.9000", "é+", "x_1"])
def test_a_key_in_any_script(cli: Cli, tmp_path: Path, key: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"gpus:\n  {key}:\n    peak_tflops: {{fp32: 1}}\n", encoding="utf-8")

    found = cli("compare", "--gpu", key, "--model", "gpt2", "--catalog", str(file), "-o", "json")
    assert found.json["results"][0]["gpu"]["name"] == key
