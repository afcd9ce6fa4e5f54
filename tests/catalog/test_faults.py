"""Faults that only a strange file has, each as a sentence with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptbudget.catalog.check import check_catalog, entry_faults
from gptbudget.catalog.yamlfile import YamlFile
from tests.conftest import Cli

PEAK = "peak_tflops: {fp32: 1}"
SIZES = "architecture: gpt2, layers: 2, width: 8, vocabulary: 9, context: 4"

FAULTS = {
    "a-card-that-is-a-number": ("gpus:\n  own: 5\n", "2: gpus.own: a mapping of keys to values"),
    "a-model-that-is-a-word": ("models:\n  own: gpt2\n", "2: models.own: a mapping of keys"),
    "a-concept-that-is-a-number": (
        f"models:\n  own: {{{SIZES}, attention: 5}}\n",
        "2: models.own.attention: a mapping of keys to values",
    ),
    "an-alias-that-is-a-number": (
        f"gpus:\n  own: {{{PEAK}, aliases: [5]}}\n",
        "2: gpus.own.aliases.0: text belongs here, not 5",
    ),
    "a-key-like-no-other": (
        f"gpus:\n  own: {{{PEAK}, zzzz: 1}}\n",
        "2: gpus.own.zzzz: unknown key; known here: name, aliases, nvml",
    ),
    "a-key-of-a-terminal": (
        f'gpus:\n  own: {{{PEAK}, "z\\e[31m": 1}}\n',
        "gpus.own.z\\x1b[31m: unknown key",
    ),
}


@pytest.mark.parametrize(("text", "said"), FAULTS.values(), ids=FAULTS)
def test_faults(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    sentences = [str(fault) for fault in check_catalog(file)]

    assert any(said in each for each in sentences), sentences
    assert all(each.isprintable() for each in sentences)


@pytest.mark.parametrize("source", ["5", "hearsay", "https://nowhere"])
def test_a_shipped_entry_cites_what_can_be_looked_up(source: str) -> None:
    file = YamlFile(Path("gpus.yaml"), f"gpus:\n  own: {{{PEAK}, sources: [{source}]}}\n")
    faults = entry_faults("gpus", "own", file.data["gpus"]["own"], file, shipped=True)

    assert "is not a source" in str(next(faults))


def test_a_file_that_is_faulty_itself_takes_no_part_in_the_check_of_another(
    tmp_path: Path,
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(f"gpus:\n  own: {{{PEAK}}}\n")
    bad.write_text("gpus: [")

    assert check_catalog(good, [bad, good]) == []


def test_a_folder_that_may_not_be_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    result = cli("gpus", "--catalog", str(tmp_path))

    assert (result.code, result.out) == (4, "")
    assert f"{tmp_path}: cannot be read (permission denied); check the path" in result.err
