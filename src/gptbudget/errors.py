"""The errors a user can cause: one sentence of what is wrong, one hint, one exit code."""

from collections.abc import Collection


def printable(text: str) -> str:
    r"""``text`` on one line; control and non-printable characters are escaped.

    Example:
        >>> printable("a key\nwith \x1b[31m in it")
        'a key with \\x1b[31m in it'
    """
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def nearest_hint(name: str, known: Collection[str]) -> str:
    """The known name that was probably meant, else all of them."""
    import difflib  # only for the unhappy path

    nearest = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {nearest[0]!r}?" if nearest else f"known here: {', '.join(known)}"


class GptBudgetError(Exception):
    """A problem the user can solve: ``message`` says what and where, ``hint`` what to do."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "", attachment: str = "") -> None:
        super().__init__(message)
        self.message = printable(message)
        self.hint = printable(hint)
        self.attachment = attachment
        """Extra lines, such as a template, printed unchanged below the message."""

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class UsageError(GptBudgetError):
    """An invalid value or an invalid combination of values."""

    exit_code = 2


class UnknownNameError(GptBudgetError):
    """No entry, or more than one, has the name."""

    exit_code = 3


class FileError(GptBudgetError):
    """A catalog, scenario or config file that cannot be used; starts with ``file:line``."""

    exit_code = 4
