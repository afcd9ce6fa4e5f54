"""A folder with a config.json is a model by its name; a name of the catalog wins."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.catalog.huggingface.test_import import LLAMA, written
from tests.conftest import Cli, assert_refused

pytestmark = pytest.mark.usefixtures("folders")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with models of the names that the tests are about."""
    for name in ("my-model", "gpt2", "gpt", "70b", "7B", "empty"):
        (tmp_path / name).mkdir()
        if name != "empty":
            written(tmp_path / name, LLAMA["config"])
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ["my-model", "my-model/", "./my-model", "gpt", "70b", "./gpt2"])
def test_a_folder_is_a_model(cli: Cli, name: str) -> None:
    shown = cli("models", name, "-o", "json")
    asked = cli("compare", "--gpu", "h100", "--model", name, "-o", "json")

    assert (shown.code, shown.json["parameters"]["total"]) == (0, LLAMA["total"])
    assert asked.json["results"][0]["model"]["parameters"] == LLAMA["total"]
    assert asked.json["request"]["model"]["value"] == name


def test_a_name_of_the_catalog_wins(cli: Cli) -> None:
    shown = cli("models", "gpt2", "-o", "json").json
    asked = cli("compare", "--gpu", "h100", "--model", "GPT 2", "-o", "json").json

    assert (shown["key"], shown["parameters"]["total"]) == ("gpt2", 124_439_808)
    assert asked["results"][0]["model"]["parameters"] == 124_439_808


def test_a_size_wins(cli: Cli) -> None:
    asked = ("compare", "--gpu", "h100", "--model", "7B", "--utilization", "40%", "-o", "json")

    assert cli(*asked).json["results"][0]["model"]["parameters"] == 7e9


def test_without_a_config_it_is_no_name(cli: Cli) -> None:
    for command in (("models", "empty"), ("compare", "--gpu", "h100", "--model", "empty")):
        assert_refused(cli(*command), 3, "no model is called 'empty'")


def test_a_printed_command_names_the_folder_again(cli: Cli) -> None:
    found = cli("fit", "--gpu", "h100", "--model", "my-model", "--top", "1", "-o", "json").json
    command = found["results"][0]["command"]
    again = cli(*shlex.split(command)[1:], "-o", "json")

    assert "--model my-model" in command
    assert again.json["results"][0]["model"]["parameters"] == LLAMA["total"]


def test_a_name_too_long_is_no_folder(cli: Cli) -> None:
    assert_refused(cli("models", "x" * 5_000), 3, "no model is called")
