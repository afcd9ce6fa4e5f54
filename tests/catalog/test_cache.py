"""The cache of parsed files: never needed, never older than its files, and never executed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gptbudget.catalog import cache
from gptbudget.catalog import catalog as catalogs
from gptbudget.catalog.cache import cache_folder, cached
from gptbudget.catalog.catalog import load_catalog
from gptbudget.catalog.paths import shipped_files

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
    """Of one card, in a process that has read nothing yet."""
    catalogs._loaded.cache_clear()
    return load_catalog().gpus.find("4070ti").spec.memory_gib


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache."""
    monkeypatch.setenv("GPTBUDGET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def entry_of(name: str) -> Path:
    (found,) = cache_folder().glob(f"{name}-{'?' * 8}.json")
    return found


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


def test_an_edit_of_equal_size_and_time_counts(shipped: tuple[Path, ...]) -> None:
    assert memory_gib() == memory_gib() == 12
    gpus = shipped[0]
    before = gpus.stat()
    head, entry = gpus.read_text().split("  rtx-4070-ti:\n")
    changed = entry.replace("memory_gib: 12", "memory_gib: 13", 1)
    gpus.write_text(f"{head}  rtx-4070-ti:\n{changed}")
    os.utime(gpus, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert gpus.stat().st_size == before.st_size

    assert memory_gib() == 13


class Planted:
    """Runs a command where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.marker),))


def test_a_planted_pickle_does_not_run(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    marker = tmp_path / "planted"
    names = ["evidence", "gpus-4070ti", "models-gpt2xl", *(path.stem for path in shipped_files())]
    for name in names:
        for suffix in (".pickle", ".json"):
            (folder / f"{name}{suffix}").write_bytes(pickle.dumps(Planted(marker)))
    assert memory_gib() == 12
    for file in folder.glob("*.json"):  # those that are read
        file.write_bytes(pickle.dumps(Planted(marker)))

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, os.devnull], capture_output=True, text=True, check=True
    )
    assert done.stderr.split() == ["0", "True"]
    assert memory_gib() == 12
    assert not marker.exists()


def test_a_planted_symlink_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """Neither by what is written under a name that could be guessed, nor by what is read."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    assert memory_gib() == 12
    names = [file.name for file in folder.iterdir()]
    for file in list(folder.iterdir()):
        file.unlink()
    stems = [Path(name).stem for name in names] + ["evidence", "gpus-4070ti"]
    for stem in stems:
        for suffix in (".json", ".pickle", f".{os.getpid()}", ".new", ".json.new"):
            (folder / f"{stem}{suffix}").symlink_to(victim)

    assert memory_gib() == 12
    assert victim.read_text() == "mine"
    assert not entry_of("gpus-rtx-4070-ti").is_symlink()


DAMAGE: dict[str, Callable[[str], str]] = {
    "empty": lambda text: text[:0],
    "cut off": lambda text: text[: len(text) // 2],
    "another value": lambda text: text.replace('"memory_gib": 12', '"memory_gib": 24'),
    "no JSON": lambda text: text.partition("[{")[0] + "{",
    "of other content": lambda text: "0123456789"[text[0] == "0"] + text[1:],
    "deeply nested": lambda text: text.partition("[{")[0] + "[" * 100_000,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_entry_is_made_again(kind: str) -> None:
    assert memory_gib() == 12
    good = {entry: entry.read_text() for entry in cache_folder().iterdir()}
    assert entry_of("gpus-rtx-4070-ti") in good
    for entry, text in good.items():
        entry.write_text(DAMAGE[kind](text))

    assert memory_gib() == 12
    assert {entry: entry.read_text() for entry in cache_folder().iterdir()} == good


def test_an_entry_of_another_user_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_gib() == 12
    foreign = entry_of("gpus-rtx-4070-ti")
    made_of, _, body = foreign.read_bytes().partition(b"[{")
    body = b"[{" + body.replace(b'"memory_gib": 12', b'"memory_gib": 24')
    foreign.write_bytes(made_of[:-8] + cache._check(body) + body)
    assert memory_gib() == 24  # the user's own cache is his

    monkeypatch.setattr(os, "getuid", lambda: 12_345)
    assert memory_gib() == 12


def test_a_pipe_in_the_cache_is_not_waited_for() -> None:
    assert memory_gib() == 12
    entry = entry_of("gpus-rtx-4070-ti")
    entry.unlink()
    os.mkfifo(entry)

    assert memory_gib() == 12


def test_the_same_texts_are_read_once_in_a_process(shipped: tuple[Path, ...]) -> None:
    assert load_catalog() is load_catalog()
    before = load_catalog()
    shipped[0].write_text(shipped[0].read_text() + "\n# a comment\n")
    assert load_catalog() is not before


def test_values_come_back_as_they_were(tmp_path: Path) -> None:
    value = {"a": (1, 2.5, ("x", ({"b": (None, True)},))), "c": 1e300, "d": "\u2028\ud800"}
    made = [cached(tmp_path / "x.yaml", "text", (Path(__file__),), lambda: value) for _ in range(2)]
    assert made == [value, value]
    with pytest.raises(ZeroDivisionError):
        cached(tmp_path / "x.yaml", "other text", (Path(__file__),), lambda: 1 // 0)


def test_without_the_code_of_the_reader_nothing_is_kept(folder: Path, tmp_path: Path) -> None:
    assert cached(tmp_path / "x.yaml", "text", (tmp_path / "missing",), lambda: 1) == 1
    assert not folder.exists()


def test_it_is_never_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GPTBUDGET_CACHE", str(tmp_path / "file" / "folder"))

    assert memory_gib() == memory_gib() == 12


def test_the_usual_folder_is_that_of_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPTBUDGET_CACHE")

    assert cache_folder().name == "gptbudget"


def test_a_full_disk_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, _: Path) -> Path:
        raise OSError(28, str(self))

    monkeypatch.setattr(Path, "replace", full)

    assert memory_gib() == 12
    assert list(cache_folder().iterdir()) == []
