"""Hugging Face configs become the model that PyTorch builds from them, to the parameter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gptbudget.catalog.huggingface.families import FAMILIES
from gptbudget.catalog.huggingface.load import load_config
from gptbudget.core.flops import forward_flops_per_token
from gptbudget.core.parameters import checkpoint_only, count_parameters
from tests.conftest import Cli

HERE = Path(__file__).parent
PUBLIC: list[dict[str, Any]] = json.loads((HERE / "public.json").read_text())["models"]
VARIANTS: list[dict[str, Any]] = json.loads((HERE / "variants.json").read_text())["models"]
EVERYTHING = [pytest.param(case, id=case["name"]) for case in (*PUBLIC, *VARIANTS)]

LLAMA = next(case for case in VARIANTS if case["name"] == "llama, defaults")


def written(folder: Path, config: Any, name: str = "config.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(config, indent=2))
    return file


@pytest.mark.parametrize("case", EVERYTHING)
def test_counts_are_those_of_pytorch(tmp_path: Path, case: dict[str, Any]) -> None:
    model = load_config(written(tmp_path, case["config"]))
    count = count_parameters(model)

    assert count.total == sum(count.parts.values()) == case["total"]
    assert count.active == case.get("active", case["total"])
    assert checkpoint_only(model).get("router_correction", 0) == case.get("correction", 0)


@pytest.mark.parametrize("case", EVERYTHING)
def test_windows_are_those_of_pytorch(tmp_path: Path, case: dict[str, Any]) -> None:
    model = load_config(written(tmp_path, case["config"]))
    width, layers = case.get("window", [None, 0])

    assert (model.attention.window, model.windowed_layers) == (width, layers)


def test_every_model_type_is_here_as_published_and_in_variants() -> None:
    for cases in (PUBLIC, VARIANTS):
        assert {case["config"]["model_type"] for case in cases} >= {*FAMILIES} - {"gemma3_text"}
    assert "gemma3" in {case["config"]["model_type"] for case in PUBLIC}


def test_every_public_config_cites_its_page() -> None:
    assert all(case["source"].startswith("https://huggingface.co/") for case in PUBLIC)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in PUBLIC])
def test_the_catalog_and_the_config_agree(cli: Cli, tmp_path: Path, case: dict[str, Any]) -> None:
    file = written(tmp_path, case["config"])
    length = ("--seq-len", "1024", "-o", "json")
    shipped = cli("models", case["name"], *length).json
    imported = cli("models", str(file), *length).json

    assert imported["parameters"]["parts"] == shipped["parameters"]["parts"]
    assert imported["flops_per_token"]["forward"] == shipped["flops_per_token"]["forward"]
    assert imported["flops_per_token"]["conventions"] == shipped["flops_per_token"]["conventions"]


# --- how a config is named ---------------------------------------------------------------------


def test_a_folder_stands_for_the_config_in_it(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    file = written(folder, LLAMA["config"])
    by_folder = cli("models", f"{folder}/", "-o", "json")
    by_file = cli("models", str(file), "-o", "json")

    assert by_folder.json["parameters"] == by_file.json["parameters"]
    assert by_folder.json["key"] == by_file.json["key"] == "my-model"


def test_any_name_that_ends_in_json(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, LLAMA["config"], "mine.json")
    monkeypatch.chdir(tmp_path)

    assert cli("models", "mine.json", "-o", "json").json["parameters"]["total"] == LLAMA["total"]


def test_compare_takes_a_config(cli: Cli, tmp_path: Path) -> None:
    file = written(tmp_path, LLAMA["config"])
    row = cli(
        "compare", "--gpu", "4070ti", "--model", str(file), "--tokens", "1B", "-o", "json"
    ).json["results"][0]

    assert row["model"]["parameters"] == LLAMA["total"]
    assert row["compute"]["required_flops_6nd"] == 6 * LLAMA["total"] * 1e9


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(LLAMA["config"]).encode())

    assert count_parameters(load_config(file)).total == LLAMA["total"]


def test_the_language_model_of_a_nested_config(tmp_path: Path) -> None:
    nested = next(case for case in VARIANTS if case["name"] == "gemma3, nested")
    alone = load_config(written(tmp_path, nested["config"]["text_config"]))
    inside = load_config(written(tmp_path, nested["config"]))

    assert count_parameters(inside) == count_parameters(alone)
    assert forward_flops_per_token(inside, 64) == forward_flops_per_token(alone, 64)


# --- what is left out of the count ---------------------------------------------------------------


def test_ignored_keys_are_named_and_nothing_is_executed(cli: Cli, tmp_path: Path) -> None:
    bait = tmp_path / "executed"
    (tmp_path / "modeling_evil.py").write_text(f"open({str(bait)!r}, 'w')\n")
    config = {
        **LLAMA["config"],
        "rope_theta": 1e6,
        "auto_map": {"AutoModelForCausalLM": "modeling_evil.Evil"},
        "quantization_config": {"bits": 4},
        "trust_remote_code": True,
    }
    result = cli("models", str(written(tmp_path, config)))

    assert result.code == 0
    notes = "auto_map, quantization_config, rope_theta, trust_remote_code"
    assert f"ignored: {notes}" in result.out
    assert not bait.exists()


def test_no_note_when_every_key_is_a_size(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, LLAMA["config"])).notes is None


def test_the_note_stays_short_and_printable(tmp_path: Path) -> None:
    junk = {f"key{number}": number for number in range(2000)}
    config = {**LLAMA["config"], "red\x1b[31m\nline": 1, "\ud800": 2, **junk}
    notes = load_config(written(tmp_path, config)).notes

    assert notes is not None
    assert notes.isprintable()
    assert len(notes) < 1000
    assert "more" in notes
