"""Shared libraries: what they ask of others."""

from __future__ import annotations

import math
import platform
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptbudget.dryrun.elf import read_library

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ELF is Linux's format")

LIBRARY = Path(math.__file__) if hasattr(math, "__file__") else None


@pytest.fixture(scope="module")
def raw() -> bytes:
    if LIBRARY is None:
        pytest.skip("this Python has no module in a library of its own")
    return LIBRARY.read_bytes()


def test_a_module_of_python(raw: bytes) -> None:
    assert raw
    assert LIBRARY is not None
    library = read_library(LIBRARY)
    assert library is not None
    assert library.machine == platform.machine()
    assert any(name.startswith("libc.so") for name in library.needed)
    python = [each for each in library.wanted if each.name.startswith("Py")]
    assert python
    assert not any(each.library for each in python)
    versioned = [each for each in library.wanted if each.library]
    assert all(each.version and each.version.startswith("GLIBC_") for each in versioned)


def test_what_is_no_library(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("INPUT(libother.so)", encoding="utf-8")
    assert read_library(path) is None


@given(end=st.floats(0, 1), place=st.integers(6, 80), value=st.integers(0, 255))
@settings(deadline=None)
def test_a_damaged_library_is_no_library_or_one(
    raw: bytes, tmp_path_factory: pytest.TempPathFactory, end: float, place: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("elf") / "cut.so"
    damaged = bytearray(raw[: max(place + 1, int(end * len(raw)))])
    damaged[place] = value
    path.write_bytes(bytes(damaged))
    read_library(path)  # never raises
