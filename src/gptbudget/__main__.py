"""``gptbudget`` and ``python -m gptbudget``."""

import gc


def main() -> None:
    """Entry point of the installed command.

    It looks for no cycles of rubbish: importing makes none, and the longest search ends with as
    much memory either way.
    """
    gc.disable()
    from gptbudget.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
