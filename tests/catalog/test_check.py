"""``catalog check`` lists every fault as ``file:line: key: what``, on standard output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Cli

FAULTY = """\
gpus:
  a:
    peak_tflops: {fp32: fast, bf17: 3}
    memory_gib: -1
  b:
    nme: B
  c:
    aliases: [RTX 4090, 1.5B]
    peak_tflops: {fp32: 1}
models:
  m:
    architecture: gpt9
"""
FAULTS = {
    3: ["gpus.a.peak_tflops.fp32: a number", "gpus.a.peak_tflops.bf17: unknown key"],
    4: ["gpus.a.memory_gib: -1"],
    5: ["gpus.b.peak_tflops: is missing"],
    6: ["gpus.b.nme: unknown key; did you mean 'name'?"],
    8: ["gpus.c: the name 'RTX 4090' already", "gpus.c: the name '1.5B' reads as a size"],
    12: ["models.m.architecture: 'gpt9' is not known"],
}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "a-folder-with-a-name-so-long-that-a-table-would-fold-it" / "mine.yaml"


def write(file: Path, text: str) -> str:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return str(file)


def test_every_fault_on_its_own_line(cli: Cli, mine: Path) -> None:
    result = cli("catalog", "check", write(mine, FAULTY))
    assert (result.code, result.err) == (4, "")
    *lines, total = result.out.splitlines()
    assert total == "8 faults"
    assert all(re.fullmatch(rf"{re.escape(str(mine))}:\d+: \S+: .+", line) for line in lines)
    for line, faults in FAULTS.items():
        for fault in faults:
            assert any(found.startswith(f"{mine}:{line}: {fault}") for found in lines), fault


def test_faults_as_json(cli: Cli, mine: Path) -> None:
    result = cli("catalog", "check", write(mine, FAULTY), "-o", "json")
    assert result.code == 4
    (record,) = result.json["files"]
    assert record["file"] == str(mine)
    assert len(record["faults"]) == 8


def test_a_fine_file(cli: Cli, mine: Path) -> None:
    result = cli("catalog", "check", write(mine, "gpus:\n  a:\n    peak_tflops: {fp32: 1}\n"))
    assert (result.code, result.out) == (0, f"no fault in {mine}\n")


def test_without_a_file_everything_that_is_read_is_checked(
    cli: Cli, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A faulty user's file is listed like any other, and stops the check of no other."""
    assert cli("catalog", "check").code == 0
    monkeypatch.setenv("GPTBUDGET_CATALOG", write(mine, FAULTY))
    result = cli("catalog", "check", "-o", "json")
    assert result.code == 4
    assert [len(record["faults"]) for record in result.json["files"]] == [0, 0, 8]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ":1: is empty"),
        ("gpus:\n  a: {x: 1\n", ":3: not valid YAML"),
        ("gpus: &x {}\nmodels: *x\n", "anchors and aliases"),
    ],
    ids=["empty", "not-yaml", "anchors"],
)
def test_what_cannot_be_read_is_a_fault_too(cli: Cli, mine: Path, text: str, fault: str) -> None:
    result = cli("catalog", "check", write(mine, text))
    assert (result.code, result.err) == (4, "")
    assert fault in result.out
    assert result.out.endswith("1 fault\n")


def test_a_missing_file_is_a_fault_too(cli: Cli) -> None:
    result = cli("catalog", "check", "/no/such/file.yaml")
    assert (result.code, result.err) == (4, "")
    assert "/no/such/file.yaml: cannot be read (no such file or directory)" in result.out


# A user's card is held against the table of tensor rates. fp32 = 40, so the Ada GeForce
# rates are bf16 80 and fp16 with sums in fp16 160.
CARD = "gpus:\n  a:\n    tensor_family: {family}\n    peak_tflops: {{fp32: 40, {peaks}}}\n"


@pytest.mark.parametrize(
    ("family", "peaks", "fault"),
    [
        ("ada_geforce", "bf16: 80", None),
        ("ada_geforce", "bf16: 80.7", None),
        ("ada_geforce", "bf16: 160", "4: gpus.a.peak_tflops.bf16: 160 is not 2 x fp32 = 80"),
        ("ada_geforce", "bf16: 81", "4: gpus.a.peak_tflops.bf16: 81 is not 2 x fp32 = 80"),
        ("turing_geforce", "bf16: 160", "4: gpus.a.peak_tflops.bf16: the family turing_geforce"),
        ("ada", "bf16: 80", "3: gpus.a.tensor_family: 'ada' is not known; write one of volta"),
    ],
    ids=["right", "rounded", "twice-too-high", "off-by-a-percent", "lacking", "unknown-family"],
)
def test_tensor_rates(cli: Cli, mine: Path, family: str, peaks: str, fault: str | None) -> None:
    result = cli("catalog", "check", write(mine, CARD.format(family=family, peaks=peaks)))
    assert result.code == (0 if fault is None else 4)
    assert (fault or "no fault") in result.out


def test_a_tensor_family_needs_fp32(cli: Cli, mine: Path) -> None:
    text = "gpus:\n  a:\n    tensor_family: ada_pro\n    peak_tflops: {bf16: 4}\n"
    result = cli("catalog", "check", write(mine, text))
    assert result.code == 4
    assert "3: gpus.a.tensor_family: ties the tensor peaks to fp32; give" in result.out
