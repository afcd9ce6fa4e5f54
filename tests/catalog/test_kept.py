"""What is kept between commands: never needed, and never older than the files it was made of."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from gptbudget.catalog import catalog as catalogs
from gptbudget.catalog.catalog import load_catalog
from gptbudget.catalog.kept import kept, kept_folder
from gptbudget.catalog.paths import shipped_files
from gptbudget.errors import UnknownNameError

PROGRAM = """
import sys
from gptbudget.cli.main import run
sys.stdout = open(sys.argv[1], "w")
code = run(["compare", "--gpu", "4070ti", "--model", "gpt2-xl", "-o", "json"])
print(code, "yaml" in sys.modules, file=sys.stderr)
"""


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, ...]:
    """Copies of the shipped catalogs, in their place."""
    copies = []
    for path in shipped_files():
        copies.append(tmp_path / path.name)
        copies[-1].write_text(path.read_text())
    monkeypatch.setattr(catalogs, "shipped_files", lambda: tuple(copies))
    monkeypatch.setattr(catalogs, "catalog_files", lambda *_, **__: tuple(copies))
    return tuple(copies)


def memory_gib() -> float | None:
    return load_catalog().gpus.find("4070ti").spec.memory_gib


def edit(path: Path, old: str, new: str) -> None:
    """As an editor saves it; a moment later than it was, also where clocks are coarse."""
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new))
    later = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(later, later))


def test_a_second_command_reads_no_yaml_and_answers_the_same(tmp_path: Path) -> None:
    answers = []
    for name, reads in (("first", "True"), ("second", "False")):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.split() == ["0", reads]
        answers.append((tmp_path / name).read_text())

    assert answers[0] == answers[1]


def test_an_edit_counts_at_once(shipped: tuple[Path, ...]) -> None:
    assert memory_gib() == memory_gib() == 12
    gpus = shipped[0]
    head, entry = gpus.read_text().split("  rtx-4070-ti:\n")
    changed = entry.replace("memory_gib: 12", "memory_gib: 13", 1)
    edit(gpus, entry, changed)

    assert memory_gib() == 13
    assert head


def test_what_cannot_be_read_is_made_again() -> None:
    assert memory_gib() == 12
    for file in kept_folder().iterdir():
        file.write_bytes(b"cos\nsystem\n")

    assert memory_gib() == 12


def test_what_was_made_of_other_files_is_made_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("1")
    assert kept("number", (source,), lambda: 1) == 1
    assert kept("number", (source,), lambda: 2) == 1
    source.write_text("22")

    assert kept("number", (source,), lambda: 2) == 2


def test_an_edit_while_it_is_read_counts(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("1")

    def read_and_edit() -> str:
        found = source.read_text()
        source.write_text("22")
        return found

    assert kept("text", (source,), read_and_edit) == "1"
    assert kept("text", (source,), source.read_text) == "22"


def test_a_source_that_is_not_there_is_left_to_its_reader(tmp_path: Path) -> None:
    assert kept("nothing", (tmp_path / "missing",), lambda: "made") == "made"


def test_it_is_never_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GPTBUDGET_CACHE", str(tmp_path / "file" / "folder"))

    assert memory_gib() == memory_gib() == 12


def test_the_usual_folder_is_that_of_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPTBUDGET_CACHE")

    assert kept_folder().name == "gptbudget"


def test_unknown_names_are_not_kept() -> None:
    with pytest.raises(UnknownNameError):
        load_catalog().gpus.find("no-such-card")

    assert not kept_folder().exists()


def test_what_cannot_be_written_down_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise pickle.PicklingError

    monkeypatch.setattr(pickle, "dumps", refuse)

    assert memory_gib() == 12
    assert not kept_folder().exists()


def test_a_full_disk_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, _: Path) -> Path:
        raise OSError(28, str(self))

    monkeypatch.setattr(Path, "replace", full)

    assert memory_gib() == 12
    assert list(kept_folder().iterdir()) == []
