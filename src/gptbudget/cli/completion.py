"""Shell completion: catalog names and option choices.

Typer provides the shell scripts (``gptbudget --install-completion``); they call the program
with the words so far in the environment.
"""

import os
from collections.abc import Callable

Complete = Callable[[str], list[str]]

_ASKED = "_GPTBUDGET_COMPLETE"
_WORDS = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")
"""Variables with the command line: of bash, and of zsh, fish and PowerShell."""


def is_asked() -> bool:
    """Return whether the program was called by a shell for completion."""
    return _ASKED in os.environ


def words() -> list[str]:
    """Return the words of the command line to complete, without the program name.

    ``COLUMNS`` keeps descriptions on one line: a second line would be another word to the shell.
    """
    os.environ["COLUMNS"] = "500"
    line = next((os.environ[name] for name in _WORDS if name in os.environ), "")
    return line.split()[1:]


def entries(section: str, *others: str) -> Complete:
    """Return a completer for a section of the catalogs and ``others``; shells complete paths."""

    def beginning(incomplete: str) -> list[str]:
        from gptbudget.catalog.index import names_beginning

        named = names_beginning(section, incomplete)
        return [*named, *(name for name in others if name.startswith(incomplete))]

    return beginning


def numbers(incomplete: str) -> list[str]:
    """Return the names that ``--explain`` takes."""
    from gptbudget.answer.explain.steps import citations

    wholes = {name.rpartition(".")[0] for name in citations()}
    return [name for name in citations() if name.startswith(incomplete) and name not in wholes]


def choices(metavar: str) -> Complete | None:
    """Return a completer for a metavar with choices, such as ``none|optimizer|all``."""
    offered = [word for word in metavar.split("|") if word == word.lower()]
    if "|" not in metavar or not offered:
        return None
    return lambda incomplete: [word for word in offered if word.startswith(incomplete)]
