"""The stand-in libraries: which are needed, and building them once with a C compiler.

Which functions must be there is read from the libraries that are installed: PyTorch's own, and
extensions beside it. What the files in ``stub/`` do not define becomes a function that does
nothing and says so. Nothing of CUDA is needed to build them.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from gptbudget.catalog.cache import cache_folder, digest_of
from gptbudget.dryrun.elf import SharedLibrary, Wanted, read_library
from gptbudget.errors import GptBudgetError, UsageError

_SOURCES = Path(__file__).parent / "stub"
_HEADERS = ("stub.h", "spans.h")
_FLAGS = ("-shared", "-fPIC", "-O1", "-std=gnu11", "-w")

_KNOWN = re.compile(
    r"lib(cuda|cudart|cublas|cublasLt|cudnn|cudnn_\w+|cusparse|cusparseLt|cusolver|cusolverMg|cufft"
    r"|curand|nccl|cufile|nvshmem_host|nvrtc|cupti|nvidia-ml|nvToolsExt|nvJitLink)\.so\.[\d.]+"
)
"""Names of the libraries that NVIDIA ships and the stand-ins take the place of."""

_PREFIXES = {
    "cublasLt": "cublasLt",
    "cublas": "cublas",
    "cudnn": "cudnn",
    "cusparseLt": "cusparseLt",
    "cusparse": "cusparse",
    "cusolver": "cusolver",
    "cufft": "cufft",
    "curand": "curand",
    "nccl": "nccl",
    "cuFile": "cufile",
    "nvshmem": "nvshmem_host",
    "nvrtc": "nvrtc",
    "cupti": "cupti",
    "nvml": "nvidia-ml",
    "cuda": "cudart",
    "__cuda": "cudart",
    "cu": "cuda",
}
"""The library of a function by how its name begins, where a reference does not name it."""

_DRIVER = "libcuda.so.1"
ALWAYS = (_DRIVER, "libnvidia-ml.so.1", "libdryrun-host.so")
"""No library names them: two are opened by name at run time, and one is ours."""
_BY_NAME = re.compile(rb"(?<!\w)(?:cu|nvml)[A-Z]\w+")
_LARGEST_SEARCHED = 64_000_000
"""Libraries with kernels are larger; PyTorch's calls of the driver are in a small one."""
_FILES = {"nvidia-ml": "nvml", "dryrun-host": "host"}
"""Files in ``stub/`` that are not called like their library."""
_DEFINED = re.compile(r"EXPORT [\w\s*]*?\**(\w+)\(")
_CORES = 2


class StandIns(NamedTuple):
    """The libraries to load before a program."""

    folder: Path
    names: tuple[str, ...]

    def preload(self) -> str:
        """The value of ``LD_PRELOAD``."""
        return ":".join(str(self.folder / name) for name in self.names)


class _Library(NamedTuple):
    name: str
    version: str | None
    source: str


def build(
    own: Iterable[Path], beside: Iterable[Path], sources: Iterable[Path], cuda_major: int
) -> StandIns:
    """The stand-ins for all that PyTorch expects of CUDA, built now or before.

    Args:
        own: The shared libraries of PyTorch.
        beside: Those of other packages; they count where they are built for the same CUDA.
        sources: C files that are compiled against the driver later.
        cuda_major: The major version of that CUDA.

    Raises:
        UsageError: no C compiler is there.
        GptBudgetError: the compiler fails.
    """
    own = tuple(own)
    expected = _expected(own, beside)
    for path in (*own, *sources):
        for library, name in looked_up(path):
            expected[library].add(Wanted(name, library, None))
    made = sorted(_made(expected))
    shared = tuple((_SOURCES / name).read_text(encoding="utf-8") for name in _HEADERS)
    digest = digest_of(str(cuda_major), *_FLAGS, *shared, *(f"{each}" for each in made))
    folder = cache_folder() / f"dry-run-{digest[:16]}"
    if not folder.is_dir():
        _compile(made, folder, cuda_major)
    return StandIns(folder, tuple(each.name for each in made))


def _expected(own: Iterable[Path], beside: Iterable[Path]) -> dict[str, set[Wanted]]:
    """The functions that are expected of each library of NVIDIA's."""
    libraries = [library for library in map(read_library, own) if library]
    names = {name for library in libraries for name in _of_nvidia(library)} | set(ALWAYS)
    others = (library for library in map(read_library, beside) if library)
    libraries += [each for each in others if set(_of_nvidia(each)) <= names]
    by_stem = {_stem(name): name for name in names}
    expected: dict[str, set[Wanted]] = {name: set() for name in names}
    for each in (wanted for library in libraries for wanted in library.wanted):
        name = each.library or by_stem.get(_stem_of(each.name), "")
        if name in expected:
            expected[name].add(each)
    return expected


def looked_up(path: Path) -> Iterator[tuple[str, str]]:
    """The functions that a file looks up by name at run time: their library and name.

    A shared library has the names among its constants, a C file in its text, where a header may
    turn one into its second version.
    """
    if path.stat().st_size > _LARGEST_SEARCHED:
        return
    for found in set(_BY_NAME.findall(path.read_bytes())):
        name = found.decode()
        library = next((each for each in ALWAYS if _stem(each) == _stem_of(name)), None)
        if library is not None:
            yield library, name
            yield library, f"{name}_v2"


def _of_nvidia(library: SharedLibrary) -> list[str]:
    return [name for name in library.needed if _KNOWN.fullmatch(name)]


def _stem_of(function: str) -> str:
    """The library of a function that a reference does not name, by how its name begins."""
    return next((stem for prefix, stem in _PREFIXES.items() if _begins(function, prefix)), "")


def _begins(name: str, prefix: str) -> bool:
    """Whether a function's name begins so: ``cu`` is followed by a capital letter."""
    rest = name[len(prefix) :]
    return name.startswith(prefix) and (prefix == "__cuda" or rest[:1].isupper())


def _stem(library: str) -> str:
    return library.removeprefix("lib").split(".so")[0]


def _made(expected: Mapping[str, set[Wanted]]) -> Iterator[_Library]:
    for name, functions in expected.items():
        stem = _stem(name)
        file = _SOURCES / f"{_FILES.get(stem, stem)}.c"
        written = file.read_text(encoding="utf-8") if file.is_file() else '#include "stub.h"\n'
        defined = set(_DEFINED.findall(written))
        others = sorted({each.name for each in functions} - defined)
        versions = sorted({each.version for each in functions if each.version})
        lines = "".join(f"STAND_IN({other})\n" for other in others)
        yield _Library(name, versions[0] if versions else None, written + lines)


def compiler() -> tuple[str, ...]:
    """The command of a C compiler: ``$CC``, the machine's, or that of the ``ziglang`` wheel.

    Raises:
        UsageError: there is none.
    """
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return (name,)
    if find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "cc")
    raise UsageError(
        "dry-run builds small libraries once and finds no C compiler",
        "install gcc or clang, or pip install 'gptbudget[dry-run]', which brings one",
    )


def _compile(libraries: list[_Library], folder: Path, cuda_major: int) -> None:
    """Build every library in a folder beside ``folder``, then give it its name."""
    command = compiler()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dry-run-", dir=folder.parent) as scratch:
        fresh = Path(scratch) / "built"
        fresh.mkdir()
        for header in _HEADERS:
            shutil.copy(_SOURCES / header, scratch)
        with ThreadPoolExecutor(_CORES) as pool:
            for error in pool.map(
                lambda each: _compile_one(command, each, Path(scratch), cuda_major), libraries
            ):
                if error:
                    raise GptBudgetError(
                        f"a stand-in library cannot be built: {error}",
                        f"the compiler was {' '.join(command)}; set CC to another",
                    )
        (fresh / "libcuda.so").symlink_to("libcuda.so.1")
        with suppress(OSError):  # somebody else has built them at the same time
            fresh.rename(folder)


def _compile_one(
    command: tuple[str, ...], library: _Library, scratch: Path, cuda_major: int
) -> str | None:
    """Compile one library; what the compiler said where it failed."""
    source, versions = scratch / f"{library.name}.c", scratch / f"{library.name}.map"
    source.write_text(library.source, encoding="utf-8")
    options = [f"-DCUDA_MAJOR={cuda_major}", f"-Wl,-soname,{library.name}"]
    if library.version:
        versions.write_text(f"{library.version} {{ global: *; }};\n", encoding="utf-8")
        options.append(f"-Wl,--version-script={versions}")
    target = str(scratch / "built" / library.name)
    ended = subprocess.run(  # noqa: S603 - a compiler that was found, on files of our own
        [*command, *_FLAGS, *options, "-o", target, str(source), "-ldl", "-lpthread"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if ended.returncode == 0 else (ended.stderr.strip() or "no reason given")[-400:]
