"""One logged step of the user's own run: saved, used, said, left out, and refused."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from gptbudget.catalog.profiles import (
    load_profiles,
    profiles_folder,
    remove_profile,
    save_profile,
)
from gptbudget.evidence.speed import carried_errors
from gptbudget.run.run import TRANSFERRED
from gptbudget.specs.profile import Profile
from tests.conftest import Cli
from tests.measured import scored_runs, validated

RUN = ("--gpu", "4090", "--model", "gpt2", "--micro-batch", "16")


def speed(cli: Cli, *options: str) -> float:
    found = cli("compare", *options, "-o", "json").json["results"][0]["time"]["tokens_per_s"]
    return float(found)


def test_the_logged_run_itself_is_what_was_logged(cli: Cli) -> None:
    built_in = speed(cli, *RUN)
    answer = cli("calibrate", *RUN, "--tokens-per-s", str(built_in / 1.2))

    assert answer.out.startswith("Saved rtx-4090/compiled: your run is 16.7 % slower")
    assert speed(cli, *RUN) == pytest.approx(built_in / 1.2)
    assert speed(cli, *RUN, "--no-profile") == pytest.approx(built_in)


@pytest.mark.parametrize("changed", [("--micro-batch", "8"), ("--checkpointing", "full")])
def test_other_shapes_carry_a_part(cli: Cli, changed: tuple[str, str]) -> None:
    other = (*RUN, *changed)
    before = speed(cli, *other)
    cli("calibrate", *RUN, "--tokens-per-s", str(speed(cli, *RUN) / 1.2))

    assert speed(cli, *other) == pytest.approx(before / 1.2**TRANSFERRED)


@pytest.mark.parametrize("changed", [("--stack", "hf"), ("--gpu", "3090")])
def test_another_card_or_stack_is_not_touched(cli: Cli, changed: tuple[str, str]) -> None:
    options = [*RUN[:1], *RUN[1:]]
    if changed[0] == "--gpu":
        options[1] = changed[1]
    else:
        options += changed
    before = speed(cli, *options)
    cli("calibrate", *RUN, "--tokens-per-s", "60000")

    assert speed(cli, *options) == before


def test_later_answers_say_so(cli: Cli) -> None:
    cli("calibrate", *RUN, "--tokens-per-s", "98000", "--peak", "16GiB")
    found = cli("compare", *RUN, "-o", "json").json["results"][0]
    logged = found["time"]["profile"]

    assert (logged["name"], logged["tokens_per_s"]) == ("rtx-4090/compiled", 98_000)
    assert found["time"]["step_s"] == pytest.approx(sum(found["time"]["parts"].values()))
    assert any("after your profile rtx-4090/compiled" in note for note in found["notes"])
    without = cli("compare", *RUN, "--no-profile", "-o", "json").json["results"][0]
    assert without["time"]["profile"] is None
    assert found["time"]["step_s"] == pytest.approx(without["time"]["step_s"] * logged["factor"])


def test_profiles_are_listed_replaced_and_removed(cli: Cli) -> None:
    assert cli("calibrate", "--list").out.startswith("0 profiles in ")
    cli("calibrate", *RUN, "--tokens-per-s", "98000")
    assert cli("calibrate", *RUN, "--tokens-per-s", "99000").out.startswith("Replaced")
    (listed,) = cli("calibrate", "--list", "-o", "json").json["profiles"]
    assert (listed["name"], listed["tokens_per_s"]) == ("rtx-4090/compiled", 99_000)
    assert cli("calibrate", "--remove", "rtx-4090/compiled").out.startswith("0 profiles in ")
    assert not cli("calibrate", "--list", "-o", "json").json["profiles"]


def test_a_peak_is_held_against_the_figure_it_is(cli: Cli) -> None:
    peaks = [
        cli("calibrate", *RUN, "--tokens-per-s", "98000", "--peak", "15GiB", "--figure", figure,
            "-o", "json").json["profile"]["predicted_peak_bytes"]
        for figure in ("allocated", "reserved", "card")
    ]  # fmt: skip

    assert peaks == sorted(peaks)
    assert len(set(peaks)) == 3


BAD: dict[str, tuple[tuple[str, ...], int, str]] = {
    "faster than the card": ((*RUN, "--tokens-per-s", "1e6"), 2, "whose best is 173"),
    "zero": ((*RUN, "--tokens-per-s", "0"), 2, "greater than zero"),
    "negative": ((*RUN, "--tokens-per-s", "-5"), 2, "greater than zero"),
    "peak above memory": ((*RUN, "--tokens-per-s", "9e4", "--peak", "30GiB"), 2, "23.52 GiB"),
    "figure alone": ((*RUN, "--tokens-per-s", "9e4", "--figure", "card"), 2, "without --peak"),
    "figure unknown": (
        (*RUN, "--tokens-per-s", "9e4", "--peak", "9GiB", "--figure", "x"), 2, "is not known",
    ),
    "nothing": ((), 2, "takes a logged speed, --list or --remove"),
    "two things": (("--list", "--remove", "x"), 2, "takes a logged speed"),
    "list and more": (("--list", "--gpu", "4090"), 2, "--gpu has no effect"),
    "remove what is not": (("--remove", "x"), 3, "no profile is called"),
    "two cards": ((*RUN, "--gpu", "3090", "--tokens-per-s", "9e4"), 2, "takes one pair, not 2"),
    "no shape": (("--gpu", "4090", "--model", "1.5B", "--tokens-per-s", "9"), 2, "no shape"),
    "history": (
        ("--gpu", "bluegene-l-2005", "--model", "gpt2", "--tokens-per-s", "9"), 2, "no time",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("options", "code", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be(cli: Cli, options: tuple[str, ...], code: int, said: str) -> None:
    result = cli("calibrate", *options)

    assert (result.code, result.out) == (code, "")
    assert said in " ".join(result.err.split())
    assert not Path(os.environ["GPTBUDGET_PROFILES"]).exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gpu: x", "mine.yaml:1: stack: is missing"),
        ("gpu: [", "mine.yaml"),
        ("gpus: x", "mine.yaml:1: gpus: unknown key"),
    ],
)
def test_a_file_with_a_fault_is_named(cli: Cli, text: str, said: str) -> None:
    folder = Path(os.environ["GPTBUDGET_PROFILES"])
    folder.mkdir()
    (folder / "mine.yaml").write_text(text)
    result = cli("compare", *RUN)

    assert (result.code, result.out) == (4, "")
    assert said in result.err


def test_a_folder_that_cannot_be_written(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTBUDGET_PROFILES", "/proc/nowhere/profiles")
    result = cli("calibrate", *RUN, "--tokens-per-s", "98000")

    assert (result.code, result.out) == (4, "")
    assert "cannot be written" in result.err


def test_a_file_is_no_folder_of_profiles(cli: Cli) -> None:
    Path(os.environ["GPTBUDGET_PROFILES"]).write_text("")
    result = cli("compare", *RUN)

    assert (result.code, result.out) == (4, "")
    assert "is no folder" in result.err


WRITER = """
import sys
from gptbudget.catalog.profiles import load_profiles, save_profile
from gptbudget.specs.profile import Profile
for step in range(1, 21):
    for gpu in (sys.argv[1], "shared"):
        save_profile(Profile(gpu=gpu, stack="compiled", made="2026-01-02", tokens_per_s=step,
                             predicted_tokens_per_s=1, run={}))
    load_profiles()
"""


def test_programs_that_save_at_once_lose_nothing() -> None:
    names = [f"card-{index}" for index in range(6)]
    programs = [subprocess.Popen([sys.executable, "-c", WRITER, name]) for name in names]

    assert [each.wait() for each in programs] == [0] * len(programs)
    found = load_profiles()
    assert set(found) == {f"{name}/compiled" for name in (*names, "shared")}
    assert {each.tokens_per_s for each in found.values()} == {20}
    assert not list(profiles_folder().glob("*.new"))


def test_a_profile_of_a_stack_that_is_none(cli: Cli) -> None:
    cli("calibrate", *RUN, "--tokens-per-s", "98000")
    (file,) = profiles_folder().iterdir()
    file.write_text(file.read_text().replace("stack: compiled", "stack: keras", 1))
    answer = cli("calibrate", "--list")
    assert answer.code == 4
    assert f"{file}:3: stack: 'keras' is not known; write one of " in answer.err


@pytest.mark.parametrize("gpu", ["rtx-4090", "my/card.v2", "..", "a b"])
def test_any_name_of_a_card_is_a_file(gpu: str) -> None:
    profile = Profile(
        gpu=gpu, stack="compiled", made="2026-01-02", tokens_per_s=1, predicted_tokens_per_s=1,
        run={},
    )  # fmt: skip

    assert [save_profile(profile), save_profile(profile)] == [False, True]
    assert set(load_profiles()) == {profile.name}
    assert len(list(profiles_folder().iterdir())) == 1
    remove_profile(profile.name)
    assert not load_profiles()


def test_a_rename_that_is_refused_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # As on Windows, while another program reads the file.
    rename, refusals = Path.replace, [PermissionError(13, "busy")] * 3

    def refused(self: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", refused)
    save_profile(
        Profile(gpu="x", stack="hf", made="2026-01-02", tokens_per_s=1, predicted_tokens_per_s=1,
                run={})
    )  # fmt: skip

    assert set(load_profiles()) == {"x/hf"}


def test_one_logged_step_helps_the_others() -> None:
    # Published runs of one program on one card: the mean over groups of the median error.
    groups = carried_errors(scored_runs().speeds)
    before, after = (
        statistics.mean(getattr(g, name) for g in groups) for name in ("before", "after")
    )

    assert len(groups) >= 40
    assert after < 0.8 * before
    for family in ("dense", "fp8 and fp4", "experts"):
        of = [each for each in groups if each.group[1] == family]
        assert statistics.mean(g.after for g in of) < statistics.mean(g.before for g in of)


def test_groups_that_it_does_not_help_are_named() -> None:
    groups = carried_errors(scored_runs().speeds)

    cells = [cell for table in validated().tables for row in table.rows for cell in row]
    assert sum("(rises)" in cell for cell in cells) == sum(
        each.after > each.before for each in groups
    )


def test_a_profile_that_is_gone_before_it_is_read_is_none(cli: Cli) -> None:
    cli("calibrate", *RUN, "--tokens-per-s", "60000")
    (profiles_folder() / "gone.yaml").symlink_to(profiles_folder() / "nowhere")

    assert list(load_profiles()) == ["rtx-4090/compiled"]


def test_a_profile_that_cannot_get_its_name_leaves_nothing_behind(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr("gptbudget.catalog.paths._RENAME_PAUSE_S", 0)
    result = cli("calibrate", *RUN, "--tokens-per-s", "60000")

    assert (result.code, result.out) == (4, "")
    assert "cannot be written: Permission denied" in result.err
    assert list(profiles_folder().iterdir()) == []
