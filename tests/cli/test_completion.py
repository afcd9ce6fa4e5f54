"""What a shell is offered when the tab key is pressed, in bash, zsh and fish."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from gptbudget import load_catalog
from gptbudget.catalog.index import names_beginning, stack_names
from gptbudget.catalog.reference import load_evidence, load_grids
from gptbudget.specs.command_options import (
    FIT_OPTIONS,
    READING_OPTIONS,
    ReadingOptions,
    SearchOptions,
)
from gptbudget.specs.optimizers import OPTIMIZERS
from gptbudget.specs.options import OPTIONS, Options
from tests.conftest import Cli

SHELLS = ("bash", "zsh", "fish")
COMMANDS = [
    "compare",
    "memory",
    "fit",
    "plan",
    "dry-run",
    "gpus",
    "models",
    "validate",
    "calibrate",
    "catalog",
]


@pytest.fixture
def offered(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> typing.Callable[..., list[str]]:
    """The words that a shell is offered behind a command line; the last one is not finished."""

    def complete(line: str, shell: str = "bash") -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_GPTBUDGET_COMPLETE", f"complete_{shell}")
        monkeypatch.setenv("COMP_WORDS", "\n".join(words))
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        if shell != "bash":
            monkeypatch.delenv("COMP_WORDS")
            monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
            monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        answer = cli()
        assert (answer.code, answer.err) == (0, "")
        if shell == "zsh":
            return re.findall(r'^(?:_arguments .*?\(\()?"([^"]*)"', answer.out, re.MULTILINE)
        return [row.partition("\t")[0] for row in answer.out.splitlines() if row]

    return complete


Offered = typing.Callable[..., list[str]]


@pytest.mark.parametrize("shell", SHELLS)
def test_commands(offered: Offered, shell: str) -> None:
    assert offered("gptbudget ", shell) == COMMANDS
    assert offered("gptbudget c", shell) == ["compare", "calibrate", "catalog"]
    assert offered("gptbudget catalog ", shell) == ["check", "path", "schema"]


@pytest.mark.parametrize("shell", SHELLS)
def test_options(offered: Offered, shell: str) -> None:
    assert offered("gptbudget compare --gpu", shell) == [
        "--gpu",
        "--gpus",
        "--gpus-per-node",
        "--gpu-memory",
    ]
    assert "--minimize" in offered("gptbudget fit --gpu 4090 --", shell)
    assert "--install-completion" in offered("gptbudget --", shell)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("compare --offload ", ["none", "optimizer", "all"]),
        ("memory --gpu 4090 --optimizer p", ["paged-adamw8bit"]),
        ("compare --method ", ["full", "lora", "qlora"]),
        ("plan --zero ", ["0", "1", "2", "3"]),
        ("fit --minimize c", ["cost"]),
        ("compare --grid ", ["germany", "world"]),
        ("gpus -o ", ["table", "json", "csv", "markdown"]),
        ("calibrate --figure ", ["allocated", "reserved", "card"]),
        ("models --convention 6nd", ["6nd", "6nd-no-embedding"]),
        ("compare --gpus ", []),
    ],
)
def test_choices(offered: Offered, shell: str, line: str, words: list[str]) -> None:
    assert offered(f"gptbudget {line}", shell) == words


@pytest.mark.parametrize("shell", SHELLS)
def test_names_of_the_catalogs(offered: Offered, shell: str) -> None:
    assert offered("gptbudget compare --gpu rtx-407", shell) == [
        "rtx-4070",
        "rtx-4070-super",
        "rtx-4070-ti",
        "rtx-4070-ti-super",
    ]
    assert offered("gptbudget compare --gpu 4090 --gpu au", shell) == ["auto"]
    assert offered("gptbudget fit --model gpt2-", shell) == ["gpt2-medium", "gpt2-large", "gpt2-xl"]
    assert offered("gptbudget gpus h10", shell)[0] == "h100-pcie-80gb"
    assert "llama-2-7b" in offered("gptbudget models llama-2", shell)
    assert offered("gptbudget compare --model ./conf", shell) == []


def test_an_alias_is_offered_where_no_key_begins_so(offered: Offered) -> None:
    assert "4070ti" in offered("gptbudget compare --gpu 4070")


@pytest.mark.parametrize("kind", ["gpus", "models"])
def test_every_name_of_the_shipped_catalog_is_offered(kind: str) -> None:
    assert names_beginning(kind, "") == list(getattr(load_catalog(), kind).raw)


def test_names_of_the_users_catalog(
    offered: Offered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setenv("GPTBUDGET_CATALOG", str(folder))
    (folder / "a.yaml").write_text(
        "# mine\ngpus:\n    titanic-9000:\n        name: T\n        aliases: [iceberg]\n"
        "models:\n    zeppelin-1b:\n        name: Z\n"
    )
    (folder / "broken.yaml").write_bytes(b"gpus:\n  \xff\xfe: [")

    assert offered("gptbudget compare --gpu tit") == ["titan-v", "titan-rtx", "titanic-9000"]
    assert offered("gptbudget compare --gpu ice") == ["iceberg"]
    assert offered("gptbudget compare --model zep") == ["zeppelin-1b"]
    assert offered("gptbudget compare --gpu zep") == []


def test_a_catalog_that_is_not_there_is_no_noise(
    offered: Offered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPTBUDGET_CATALOG", "/nowhere/at/all")
    assert offered("gptbudget compare --gpu tpu-v2") == ["tpu-v2"]


def test_fish_completes_files_where_there_are_no_words(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_GPTBUDGET_COMPLETE", "complete_fish")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "is-args")
    for line, code in (("gptbudget compare --config ", 1), ("gptbudget compare --offload ", 0)):
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        assert cli().code == code


def test_a_description_stays_on_its_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_GPTBUDGET_COMPLETE", "complete_fish")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "gptbudget compare --")
    monkeypatch.setenv("COLUMNS", "40")
    rows = cli().out.splitlines()
    assert len(rows) > 50
    assert all(re.fullmatch(r"--[a-z0-9-]+\t[^']+", row) for row in rows)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_number_to_explain_takes_no_other_word(offered: Offered, shell: str) -> None:
    for explain in ("--explain", "--explain wall_clock_s", "--explain=usd"):
        assert "rtx-4090" in offered(f"gptbudget compare {explain} --gpu rtx-40", shell)
    assert offered("gptbudget compare --explain memory.wei", shell) == ["memory.weights"]
    assert "--gpu" in offered("gptbudget compare --explain --g", shell)


MODULES = """
import sys
from gptbudget.cli.main import run
run([])
print(*sys.modules, file=sys.stderr)
"""


def test_a_tab_builds_no_model_reads_no_yaml_and_draws_no_table() -> None:
    names_beginning("gpus", "")  # once, for the cache
    environment = {
        **os.environ,
        "_GPTBUDGET_COMPLETE": "complete_bash",
        "COMP_WORDS": "gptbudget\ncompare\n--gpu\nrtx",
        "COMP_CWORD": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", MODULES], env=environment, capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "rtx-4090" in done.stdout
    assert not loaded & {"rich", "yaml", "numpy", "pydantic", "gptbudget.cli.fit"}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_is_shown(shell: str) -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "gptbudget", "--show-completion", shell],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"_GPTBUDGET_COMPLETE=complete_{shell}" in done.stdout


IN_BASH = """
gptbudget() {{ {python} -m gptbudget "$@"; }}
export -f gptbudget
mkdir -p "$HOME/bin"
printf '#!/bin/sh\\nexec {python} -m gptbudget "$@"\\n' > "$HOME/bin/gptbudget"
chmod +x "$HOME/bin/gptbudget"
unset -f gptbudget
PATH="$HOME/bin:$PATH"
eval "$(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 gptbudget --show-completion bash)"
complete -p gptbudget
COMP_WORDS=(gptbudget compare --gpu rtx-3090)
COMP_CWORD=3
_gptbudget_completion gptbudget
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

IN_ZSH = """
compdef() {{ :; }}
_arguments() {{ print -r -- "$2"; }}
eval "$({start} --show-completion zsh)"
gptbudget() {{ {python} -m gptbudget "$@"; }}
words=(gptbudget compare --gpu rtx-3090)
CURRENT=4
print -r -- "$(env _TYPER_COMPLETE_ARGS="${{words[1,$CURRENT]}}" \
  _GPTBUDGET_COMPLETE=complete_zsh {python} -m gptbudget)"
"""


def in_shell(shell: str, script: str, home: Path) -> str:
    """What a script prints in a real shell."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run(
        [program, "-c", script],
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_in_bash(tmp_path: Path) -> None:
    printed = in_shell("bash", IN_BASH.format(python=sys.executable), tmp_path)
    assert printed.splitlines()[-2:] == ["rtx-3090", "rtx-3090-ti"]


def test_in_zsh(tmp_path: Path) -> None:
    start = f"env _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 {sys.executable} -m gptbudget"
    printed = in_shell("zsh", IN_ZSH.format(python=sys.executable, start=start), tmp_path)
    assert '"rtx-3090"\n"rtx-3090-ti"' in printed


def test_in_fish(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "gptbudget"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gptbudget "$@"\n')
    program.chmod(0o755)
    script = (
        f"set -x PATH {folder} $PATH; set -x _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION 1; "
        "gptbudget --show-completion fish | source; "
        "complete --do-complete 'gptbudget compare --gpu rtx-3090'"
    )
    assert in_shell("fish", script, tmp_path).split() == ["rtx-3090", "rtx-3090-ti"]


HOSTILE = ('zzz"<(sh<{script})"', "zzz`sh<{script}`", "zzz$(sh<{script})", "zzz;sh<{script};")
"""Keys that are a command to a shell."""

IN_ZSH_EVALUATED = """
compdef() {{ :; }}
_arguments() {{ print -r -- "$2"; }}
_files() {{ :; }}
eval "$(env _TYPER_COMPLETE_ARGS="gptbudget compare --gpu zzz" \
  _GPTBUDGET_COMPLETE=complete_zsh {python} -m gptbudget)"
"""

TAB = {
    "bash": IN_BASH.replace("rtx-3090", "zzz"),
    "zsh": IN_ZSH_EVALUATED,
    "fish": """
set -x _TYPER_COMPLETE_ARGS "gptbudget compare --gpu zzz"
set -x _TYPER_COMPLETE_FISH_ACTION get-args
set -x _GPTBUDGET_COMPLETE complete_fish
eval ({python} -m gptbudget)
true
""",
}
"""What a shell does with the words at Tab; fish evaluates no word, and here it does."""


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", ["key", "alias"])
def test_a_name_that_is_a_command_is_not_offered(
    offered: Offered,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shell: str,
    name: str,
    place: str,
) -> None:
    marker, script = tmp_path / "planted", tmp_path / "script"
    script.write_text(f"echo planted > {marker}")
    catalog, hostile = tmp_path / "hostile.yaml", name.format(script=script)
    key, alias = (hostile, "zzz-alias") if place == "key" else ("yyy", hostile)
    catalog.write_text(f"gpus:\n  {key}:\n    aliases: [{alias}]\n    peak_tflops: {{fp32: 1}}\n")
    monkeypatch.setenv("GPTBUDGET_CATALOG", str(catalog))

    assert offered("gptbudget compare --gpu zzz", shell) == (["zzz-alias"] * (place == "key"))
    if shutil.which(shell):
        in_shell(shell, TAB[shell].format(python=sys.executable), tmp_path)
    assert not marker.exists()


def test_an_unknown_shell_is_a_usage_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert cli("--show-completion", "tcsh").code == 2


def literal(kind: typing.Any) -> set[str]:
    """The words that an annotation allows."""
    if typing.get_origin(kind) is typing.Literal:
        return {str(word) for word in typing.get_args(kind)}
    return set().union(*(literal(inner) for inner in typing.get_args(kind)))


def test_the_choices_that_are_shown_are_those_that_are_taken() -> None:
    checked = 0
    for name, annotation in Options.__annotations__.items():
        words = literal(annotation)
        if words and name not in {"convention", "zero"}:
            assert set(OPTIONS[name].takes.split("|")) == words, name
            checked += 1
    reading = set(READING_OPTIONS["convention"].takes.split("|"))
    assert reading == literal(ReadingOptions.__annotations__["convention"])
    wanted = set(FIT_OPTIONS["minimize"].takes.split("|"))
    assert wanted == literal(SearchOptions.__annotations__["minimize"])
    assert set(OPTIONS["grid"].takes.split("|")) == {"G", *load_grids()}
    assert OPTIONS["optimizer"].takes.split("|") == list(OPTIMIZERS)
    assert list(stack_names()) == list(load_evidence().stacks.stacks)
    assert checked == 9
