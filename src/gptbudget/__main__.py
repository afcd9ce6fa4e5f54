"""``gptbudget`` and ``python -m gptbudget``."""

import gc
import os
import sys


def main() -> None:
    """Entry point of the installed command.

    Garbage collection is off: imports create no cycles, and the longest search needs no more memory
    without it. Pydantic's search for plugins is off: it takes longer than a whole answer.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from gptbudget.cli.main import main as command

        command()
    except KeyboardInterrupt:  # before the command could say so itself
        sys.exit(130)


if __name__ == "__main__":
    main()
