"""The first file that the program's Python runs: load this folder as a package, and begin."""

import importlib.util
import sys
from pathlib import Path

PACKAGE = "_gptbudget_dryrun"


def _begin() -> None:
    folder = Path(__file__).parent
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(str(folder))
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{PACKAGE}.run").main(sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    _begin()
