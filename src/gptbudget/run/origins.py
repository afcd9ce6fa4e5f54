"""Resolve each option from the user's options, the catalog or a default, and record its origin."""

from collections.abc import Iterable
from typing import Any, TypeVar

from gptbudget.errors import UsageError
from gptbudget.run.run import Origin, Setting
from gptbudget.specs.options import OptionValues

T = TypeVar("T")


def refuse_unused(options: OptionValues, names: Iterable[str], why: str, hint: str) -> None:
    """Refuse options that have no effect where they stand."""
    for name in names:
        if name in options.given:
            raise UsageError(f"--{name.replace('_', '-')} has no effect {why}", hint)


def refuse_two(options: OptionValues, names: Iterable[str], what: str) -> None:
    """Refuse several options of which each says the same."""
    given = [f"--{name.replace('_', '-')}" for name in names if name in options.given]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} both {what}", "give one of them")


class Resolver:
    """Chooses between what was given, what the catalog says, and a default."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.options = setting.options
        self.chosen: dict[str, Any] = {}
        self.chosen_origins: dict[str, Origin] = {}

    def value(self, name: str, default: T, *, catalog: T | None = None) -> T:
        """The option ``name``, else the catalog's value, else the default."""
        given: T | None = getattr(self.options, name)
        if given is not None:
            return self._record(name, given, self.setting.origins.get(name, "given"))
        if catalog is not None:
            return self._record(name, catalog, "catalog")
        return self._record(name, default, "default")

    def derived(self, name: str, value: T, source: str) -> T:
        """A value that follows from another option."""
        return self._record(name, value, self.setting.origins.get(source, "given"))

    def given(self, *names: str) -> None:
        """Record those of the options that were given."""
        for name in names:
            if self.setting.fixed(name):
                self.value(name, None)

    def _record(self, name: str, value: T, origin: Origin) -> T:
        value = self.setting.context.named(name, value, origin)
        self.chosen[name] = value
        self.chosen_origins[name] = origin
        return value
