"""``python -m gptbudget``."""

from gptbudget.cli.main import main

if __name__ == "__main__":
    main()
