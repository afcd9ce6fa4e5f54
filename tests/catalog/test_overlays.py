"""Catalogs lie over each other: shipped, then the user's folder, then ``--catalog``."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptbudget import load_catalog
from tests.conftest import Cli

# The card a user invents: six lines.
INVENTED = """\
  titanic-9000:
    name: White Star Titanic 9000
    memory_gib: 46
    memory_bandwidth_gb_per_s: 1912
    peak_tflops: {fp32: 50, bf16: 400}
    tdp_w: 414
"""


def card(memory_gib: int) -> str:
    return f"gpus:\n  my-card:\n    peak_tflops: {{bf16: 100}}\n    memory_gib: {memory_gib}\n"


@pytest.fixture
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setenv("GPTBUDGET_CATALOG", str(folder))
    return folder


def test_later_files_win(user_folder: Path, tmp_path: Path) -> None:
    (user_folder / "a.yaml").write_text(card(1))
    (user_folder / "b.yml").write_text(card(2))
    given = tmp_path / "given.yaml"
    given.write_text(card(3))
    for extra, memory, file in (((), 2, user_folder / "b.yml"), ((given,), 3, given)):
        found = load_catalog(extra).gpus.find("my-card")
        assert (found.spec.memory_gib, found.file, found.shipped) == (memory, file, False)


def test_the_last_catalog_option_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(card(1))
    second.write_text(card(2))
    assert load_catalog((second, first)).gpus.find("my-card").spec.memory_gib == 1


def test_whole_entries_are_replaced(user_folder: Path) -> None:
    """What the new entry does not say is unknown, not left over from the old one."""
    (user_folder / "mine.yaml").write_text("gpus:\n  rtx-4090:\n    peak_tflops: {bf16: 100}\n")
    catalog = load_catalog()
    spec = catalog.gpus.find("rtx-4090").spec
    assert (spec.memory_gib, spec.tdp_w, spec.peak_tflops.fp32) == (None, None, None)
    assert len(catalog.gpus) == len(load_catalog().gpus)


def test_a_replaced_entry_may_claim_no_name_of_another(user_folder: Path) -> None:
    """The fault is the user's, although the entry's key comes first in the shipped file."""
    file = user_folder / "mine.yaml"
    file.write_text("gpus:\n  gtx-1070:\n    aliases: ['4090']\n    peak_tflops: {fp32: 1}\n")
    with pytest.raises(Exception, match=f"{file}:3: .*already belongs to 'rtx-4090'"):
        load_catalog().gpus.find("4090")


def test_the_platforms_config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_config_path", lambda _: tmp_path)
    (tmp_path / "mine.yaml").write_text(card(7))
    assert load_catalog().gpus.find("my-card").spec.memory_gib == 7


def test_the_variable_may_name_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "only.yaml"
    file.write_text(card(8))
    monkeypatch.setenv("GPTBUDGET_CATALOG", str(file))
    assert load_catalog().gpus.find("my-card").file == file


def test_listings_say_where_entries_come_from(cli: Cli, user_folder: Path) -> None:
    file = user_folder / "mine.yaml"
    file.write_text(card(9))
    files = {row["key"]: Path(row["file"]) for row in cli("gpus", "-o", "json").json["gpus"]}
    assert files["my-card"] == file
    assert files["rtx-4090"].name == "gpus.yaml"
    paths = cli("catalog", "path", "-o", "json").json
    assert [Path(row["file"]).name for row in paths["files"]] == [
        "gpus.yaml",
        "models.yaml",
        "mine.yaml",
    ]
    assert [(row["gpus"], row["models"]) for row in paths["files"]][-1] == (1, 0)
    assert Path(paths["user"]) == user_folder


def test_an_invented_card_is_used_by_the_next_command(cli: Cli, user_folder: Path) -> None:
    file = user_folder / "mine.yaml"
    file.write_text("gpus:\n")
    with file.open("a") as stream:
        stream.write(INVENTED)
    assert len(INVENTED.splitlines()) == 6
    answer = cli("compare", "--gpu", "Titanic 9000", "--model", "gpt2", "-o", "json").json
    assert answer["results"][0]["gpu"]["name"] == "titanic-9000"
    # a year of 365 days at 400 TFLOP/s and half of it
    year = cli(
        *("compare", "--gpu", "titanic-9000", "--model", "gpt2", "--utilization", "50%"),
        *("-o", "json"),
    ).json["results"][0]["compute"]["available_flops"]
    assert year == pytest.approx(365 * 86_400 * 400e12 / 2)
    listed = [line for line in cli("gpus", "-o", "markdown").out.splitlines() if "titanic" in line]
    assert len(listed) == 1
    assert str(file) in listed[0]


def test_a_typo_in_it_is_reported_with_its_line(cli: Cli, user_folder: Path) -> None:
    file = user_folder / "mine.yaml"
    file.write_text("gpus:\n" + INVENTED.replace("tdp_w", "tpd_w"))
    result = cli("compare", "--gpu", "4070ti", "--model", "gpt2")
    assert result.code == 4
    assert f"{file}:7: gpus.titanic-9000.tpd_w: unknown key; did you mean 'tdp_w'?" in result.err
