"""The rooms of the code: every module is in one, and no two need each other."""

from __future__ import annotations

import ast
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PROGRAM = SOURCE / "gptbudget" / "dryrun" / "program"
"""Read by the Python of a user's program, where nothing else of ours is."""

FILES = {name_of(path): path for path in SOURCE.rglob("*.py") if PROGRAM not in path.parents}


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports: anywhere, for types only or when they are needed."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in FILES else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(FILES)


IMPORTS = {name: imports(path) for name, path in FILES.items()}


def test_no_circles() -> None:
    TopologicalSorter(IMPORTS).prepare()  # names the circle


def test_what_runs_in_a_program_needs_nothing_of_ours() -> None:
    ours = {
        f"{path.name}: {node.module}"
        for path in PROGRAM.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gptbudget")
    }
    assert not ours


def test_of_run_only_two_read_catalogs() -> None:
    readers = {
        name
        for name, needed in IMPORTS.items()
        if name.startswith("gptbudget.run.")
        and any(each.startswith("gptbudget.catalog") for each in needed)
    }
    assert readers == {"gptbudget.run.calibration", "gptbudget.run.question"}


def test_contracts_know_every_room_and_every_module_of_run() -> None:
    linter = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]
    contracts = {contract["name"]: contract for contract in linter["contracts"]}
    rooms = {room for layer in contracts["layers"]["layers"] for room in layer.split(" | ")}
    assert rooms == {
        name for name in FILES if name.count(".") == 1 and not name.endswith("__main__")
    }
    (listed,) = (each["source_modules"] for name, each in contracts.items() if "run" in name)
    readers = {"gptbudget.run.calibration", "gptbudget.run.question"}
    assert {*listed, *readers} == {name for name in FILES if name.startswith("gptbudget.run.")}
