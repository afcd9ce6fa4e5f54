"""What a command imports: modules are counted, not milliseconds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gptbudget.catalog.paths import data_file
from gptbudget.catalog.yamlfile import read_yaml

CATALOG = {"gptbudget.catalog.catalog", "gptbudget.run.estimate", "yaml", "numpy", "platformdirs"}
TABLES = {"rich", "rich.table", "rich.console", "gptbudget.render.terminal"}

VALIDATION = {
    "gptbudget.evidence.published",
    "gptbudget.specs.profile",
    "gptbudget.evidence.validate",
}
PLANNING = {"gptbudget.budget.plan", "gptbudget.budget", "gptbudget.core.scaling_laws"}

PAGES = {"gptbudget.render.html", "gptbudget.answer.page", "gptbudget.core.scaling_laws"}


@pytest.fixture(autouse=True)
def _filled_cache() -> None:
    """As after the first command: the stacks are not parsed again."""
    _ = read_yaml(data_file("stacks.yaml"), keep=True).data


PROGRAM = """
import contextlib, io, sys
from gptbudget.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run(sys.argv[1:])
print(code, *sys.modules)
"""


def imported(*arguments: str) -> set[str]:
    """The modules that are loaded when a command has answered."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    code, *modules = done.stdout.split()
    assert (code, done.stderr) == ("0", "")
    return set(modules)


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("compare", "--help")], ids=str)
def test_help_and_version_read_no_catalog(arguments: tuple[str, ...]) -> None:
    assert not imported(*arguments) & CATALOG


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_version_and_help_validate_nothing(argument: str) -> None:
    assert not imported(argument) & {"pydantic", "gptbudget.specs.model"}


def test_version_imports_no_tables_and_no_command() -> None:
    loaded = imported("--version")
    assert not loaded & TABLES
    assert not loaded & {"gptbudget.cli.compare", "gptbudget.cli.flags", "gptbudget.specs.options"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "--gpu", "4070ti", "--model", "gpt2-xl", "-o", "json"),
        ("compare", "--gpu", "4070ti", "--model", "gpt2-xl", "-o", "csv"),
        ("gpus", "-o", "json"),
    ],
    ids=["compare-json", "compare-csv", "gpus-json"],
)
def test_data_needs_no_tables_and_no_numpy(arguments: tuple[str, ...]) -> None:
    assert not imported(*arguments) & (TABLES | {"numpy"})


def test_the_main_command_needs_no_numpy() -> None:
    loaded = imported("compare", "--gpu", "4070ti", "--model", "gpt2-xl")
    assert "rich.table" in loaded
    assert "numpy" not in loaded
    assert not loaded & (VALIDATION | PLANNING | PAGES)
    assert not [name for name in loaded if name.startswith("gptbudget.answer.explain")]


def test_an_estimate_in_python_needs_no_numpy() -> None:
    program = (
        "import sys, gptbudget; gptbudget.estimate(gpu='4070ti', model='gpt2'); "
        "print('numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_importing_the_package_imports_nothing_of_it() -> None:
    """The public names are loaded on first use."""
    program = "import sys, gptbudget; print(*[m for m in sys.modules if 'gptbudget' in m])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["gptbudget"]
