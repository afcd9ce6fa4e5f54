"""gptbudget: whether a language model can be trained on the hardware at hand.

The public names are loaded on first use, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gptbudget.api import estimate, fit, plan
    from gptbudget.catalog.catalog import load_catalog
    from gptbudget.errors import GptBudgetError

__version__ = "0.1.0"

__all__ = ["GptBudgetError", "__version__", "estimate", "fit", "load_catalog", "plan"]


_MODULE_OF = {
    "GptBudgetError": "gptbudget.errors",
    "estimate": "gptbudget.api",
    "fit": "gptbudget.api",
    "load_catalog": "gptbudget.catalog.catalog",
    "plan": "gptbudget.api",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
