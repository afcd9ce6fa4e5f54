"""The errors a user can cause: one sentence of what is wrong, one hint, one exit code."""

from __future__ import annotations


class GptBudgetError(Exception):
    """A problem the user can solve: ``message`` says what and where, ``hint`` what to do."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "", attachment: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.attachment = attachment
        """Lines to start from, shown below the sentence as they are."""

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class UsageError(GptBudgetError):
    """A bad value, or values that cannot stand together."""

    exit_code = 2


class UnknownNameError(GptBudgetError):
    """No entry, or more than one, has the name."""

    exit_code = 3


class FileError(GptBudgetError):
    """A catalog, scenario or config file that cannot be used; starts with ``file:line``."""

    exit_code = 4
