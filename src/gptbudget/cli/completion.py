"""Shell completion: catalog names and option choices.

Typer provides the shell scripts (``gptbudget --install-completion``); they call the program
with the words so far in the environment.
"""

import os
from collections.abc import Callable

Complete = Callable[[str], list[str]]

_ASKED = "_GPTBUDGET_COMPLETE"
_WORDS = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")
"""Where bash puts the command line, and where zsh, fish and PowerShell do."""


def is_asked() -> bool:
    """Return whether the program was called by a shell for completion."""
    return _ASKED in os.environ


def words() -> list[str]:
    """Return the words of the command line to complete, without the program name.

    Descriptions are to stay on one line: a second one would be another word for the shell.
    """
    os.environ["COLUMNS"] = "500"
    line = next((os.environ[name] for name in _WORDS if name in os.environ), "")
    return line.split()[1:]


def entries(section: str, *others: str) -> Complete:
    """Names of a section of the catalogs, and ``others``; of a path none: shells complete files."""

    def beginning(incomplete: str) -> list[str]:
        from gptbudget.catalog.index import names_beginning

        named = names_beginning(section, incomplete)
        return [*named, *(name for name in others if name.startswith(incomplete))]

    return beginning


def numbers(incomplete: str) -> list[str]:
    """Numbers of an answer that can be explained."""
    from gptbudget.answer.explain.steps import citations

    wholes = {name.rpartition(".")[0] for name in citations()}
    return [name for name in citations() if name.startswith(incomplete) and name not in wholes]


def choices(metavar: str) -> Complete | None:
    """The words that an option takes, where its metavar lists any: ``none|optimizer|all``."""
    offered = [word for word in metavar.split("|") if word == word.lower()]
    if "|" not in metavar or not offered:
        return None
    return lambda incomplete: [word for word in offered if word.startswith(incomplete)]
