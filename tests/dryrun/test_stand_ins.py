"""The stand-in libraries alone: the books of a card, without PyTorch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gptbudget.dryrun import stand_ins
from gptbudget.dryrun.elf import Wanted
from gptbudget.dryrun.stand_ins import StandIns, build
from gptbudget.errors import UsageError

MIB = 2**20
CARD = 1024 * MIB

BOOKS = """
import ctypes, json
cuda = ctypes.CDLL(None)
P, N = ctypes.c_void_p, ctypes.c_size_t

def allocate(size):
    address = P()
    return cuda.cudaMalloc(ctypes.byref(address), N(size)), address.value

def left():
    available, total = N(), N()
    cuda.cudaMemGetInfo(ctypes.byref(available), ctypes.byref(total))
    return available.value, total.value

first = allocate(1)
second = allocate(3 * 2**20)
answers = {"first": first[0], "left": left(), "refused": allocate(2**30)[0]}
cuda.cudaFree(P(first[1]))
answers["after free"] = left()
answers["wrong free"] = cuda.cudaFree(P(12345))
value = (ctypes.c_char * 8)(*b"known!!!")
back = (ctypes.c_char * 8)()
cuda.cudaMemcpy(P(second[1]), value, N(8), 1)
cuda.cudaMemcpy(back, P(second[1]), N(8), 2)
answers["read back"] = back.raw.decode()
cuda.ncclBroadcast(P(second[1]), P(second[1] + 64), N(8), 0, 0, P(), P())
cuda.cudaMemcpy(back, P(second[1] + 64), N(8), 2)
answers["after a broadcast"] = back.raw.decode()
cuda.cudaMemcpy(back, P(second[1] + 64), N(8), 2)
answers["a second time"] = back.raw.decode()
handles = [P() for _ in range(4)]
for handle in handles:
    cuda.cublasCreate_v2(ctypes.byref(handle))
answers["handles"] = len({handle.value for handle in handles})
pinned = P()
cuda.cudaHostAlloc(ctypes.byref(pinned), N(4096), 0)
cuda.dryrun_pinned_bytes.restype = N
answers["pinned"] = cuda.dryrun_pinned_bytes()
handle = P()
answers["mapped"] = cuda.cuMemCreate(ctypes.byref(handle), N(2**21), P(), ctypes.c_ulonglong(0))
answers["with a mapping"] = left()
cuda.cuMemRelease(handle)
answers["without"] = left()
answers["unheard of"] = cuda.cudaUnheardOf(1, 2, 3)
cuda.dryrun_stood_in.restype = ctypes.c_char_p
answers["stood in"] = cuda.dryrun_stood_in(0).decode()
print(json.dumps(answers))
"""

HOST = """
import ctypes, json
host = ctypes.CDLL(None)
P, N = ctypes.c_void_p, ctypes.c_size_t
host.dryrun_shared_peak_bytes.restype = N

def resident(name):
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1]) >> 10

def allocate(mib):
    address = P()
    assert host.posix_memalign(ctypes.byref(address), N(64), N(mib << 20)) == 0
    ctypes.memset(address, 1, mib << 20)
    return address

before, anonymous = resident("VmRSS"), resident("RssAnon")
small, real, shared = allocate(4), allocate(16), allocate(200)
grown = [resident("RssAnon") - anonymous, resident("VmRSS") - before]
values = [ctypes.string_at(each, 2) for each in (small, real, shared)]
for each in (small, real, shared):
    host.free(each)
back = resident("VmRSS") - before
again = allocate(16)
print(json.dumps({"grown": grown, "back": back, "shared": host.dryrun_shared_peak_bytes() >> 20,
                  "values": len(set(values)), "again": resident("RssAnon") - anonymous}))
"""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> StandIns:
    """The stand-ins for a program that uses these libraries."""
    try:
        stand_ins.compiler()
    except UsageError as error:
        pytest.skip(str(error))
    source = tmp_path_factory.mktemp("c") / "driver.c"
    source.write_text("cuMemCreate(); cuUnheardOf();", encoding="utf-8")
    names = ("libcudart.so.13", "libcublas.so.13", "libnccl.so.2")
    expected: dict[str, set[Wanted]] = {name: set() for name in (*names, *stand_ins.ALWAYS)}
    expected["libcudart.so.13"] = {Wanted("cudaUnheardOf", "libcudart.so.13", None)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stand_ins, "_expected", lambda *_: expected)
        patch.setenv("GPTBUDGET_CACHE", str(tmp_path_factory.mktemp("cache")))
        return build((), (), (source,), 13)


def test_the_books_of_a_card(libraries: StandIns) -> None:
    variables = {
        "LD_PRELOAD": libraries.preload(),
        "DRYRUN_CARD_BYTES": str(CARD),
        "DRYRUN_TAKEN_BYTES": str(100 * MIB),
    }
    ended = subprocess.run(
        [sys.executable, "-c", BOOKS],
        env={**os.environ, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    left = CARD - 100 * MIB
    assert json.loads(ended.stdout) == {
        "first": 0,
        "left": [left - 6 * MIB, CARD],  # in pieces of 2 MiB
        "refused": 2,
        "after free": [left - 4 * MIB, CARD],
        "wrong free": 1,
        "read back": "\0" * 8,
        "after a broadcast": "known!!!",
        "a second time": "\0" * 8,
        "handles": 4,
        "pinned": 4096,
        "mapped": 0,
        "with a mapping": [left - 6 * MIB, CARD],
        "without": [left - 4 * MIB, CARD],
        "unheard of": 0,
        "stood in": "cudaUnheardOf",
    }


def test_large_blocks_of_the_host_beyond_the_limit_take_no_memory(libraries: StandIns) -> None:
    variables = {"LD_PRELOAD": libraries.preload(), "DRYRUN_HOST_BYTES": str(32 * MIB)}
    ended = subprocess.run(
        [sys.executable, "-c", HOST],
        env={**os.environ, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(ended.stdout)
    assert found["grown"] == [pytest.approx(20, abs=4), pytest.approx(220, abs=4)]
    assert found["back"] == pytest.approx(0, abs=6)
    assert found["again"] == pytest.approx(16, abs=6)
    assert (found["shared"], found["values"]) == (200, 1)


THREADS = """
import ctypes
value = ctypes.c_int()
ctypes.CDLL(None).cudaDeviceGetAttribute(ctypes.byref(value), 39, 0)
print(value.value)
"""


@pytest.mark.parametrize(
    ("capability", "threads"), [("7.5", 1024), ("8.0", 2048), ("8.9", 1536), ("9.0", 2048)]
)
def test_threads_of_a_multiprocessor(libraries: StandIns, capability: str, threads: int) -> None:
    major, minor = capability.split(".")
    variables = {
        "LD_PRELOAD": libraries.preload(),
        "DRYRUN_MAJOR": major,
        "DRYRUN_MINOR": minor,
    }
    ended = subprocess.run(
        [sys.executable, "-c", THREADS],
        env={**os.environ, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(ended.stdout) == threads


def test_they_are_built_once(libraries: StandIns) -> None:
    assert (libraries.folder / "libcuda.so").resolve().name == "libcuda.so.1"
    assert not [each for each in libraries.folder.parent.iterdir() if each != libraries.folder]


def test_names_that_a_library_looks_up_at_run_time(tmp_path: Path) -> None:
    """PyTorch 2.6 opens the driver by name: its functions are constants of libc10_cuda."""
    library = tmp_path / "libc10_cuda.so"
    library.write_bytes(b"\x7fELF\0cuMemMap\0nvmlInit_v2\0_cuNothing\0cudaMalloc\0cuFileRead\0")
    assert set(stand_ins.looked_up(library)) == {
        ("libcuda.so.1", "cuMemMap"),
        ("libcuda.so.1", "cuMemMap_v2"),
        ("libnvidia-ml.so.1", "nvmlInit_v2"),
        ("libnvidia-ml.so.1", "nvmlInit_v2_v2"),
    }


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(stand_ins, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"finds no C compiler; .*gptbudget\[dry-run\]"):
        stand_ins.compiler()


def test_the_compiler_of_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(stand_ins, "find_spec", lambda name: name)
    assert stand_ins.compiler() == (sys.executable, "-m", "ziglang", "cc")
