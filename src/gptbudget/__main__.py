"""``gptbudget`` and ``python -m gptbudget``."""

import gc
import sys


def main() -> None:
    """Entry point of the installed command.

    It looks for no cycles of rubbish: importing makes none, and the longest search ends with as
    much memory either way.
    """
    gc.disable()
    try:
        from gptbudget.cli.main import main as command

        command()
    except KeyboardInterrupt:  # before the command could say so itself
        sys.exit(130)


if __name__ == "__main__":
    main()
