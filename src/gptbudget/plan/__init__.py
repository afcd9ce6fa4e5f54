"""Composition: a complete question becomes an estimate."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """``gptbudget.plan(...)`` is a public function, and this package has its name."""

    def __call__(self, **options: Any) -> Any:
        """Plan a budget: :func:`gptbudget.api.plan`."""
        return import_module("gptbudget.api").plan(**options)


sys.modules[__name__].__class__ = _CallablePackage
