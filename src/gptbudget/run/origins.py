"""Take each value from the first place that has it, and remember which."""

from typing import Any, TypeVar

from gptbudget.run.run import Inputs, Origin

T = TypeVar("T")


class Resolver:
    """Chooses between what was given, what the catalog says, and a default."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.options = inputs.options
        self.origins = inputs.origins
        """Where the given options came from: flag or scenario."""
        self.chosen: dict[str, Any] = {}
        self.chosen_origins: dict[str, Origin] = {}

    def value(self, name: str, default: T, *, catalog: T | None = None) -> T:
        """The option ``name``, else the catalog's value, else the default."""
        given: T | None = getattr(self.options, name)
        if given is not None:
            return self._record(name, given, self.origins.get(name, "given"))
        if catalog is not None:
            return self._record(name, catalog, "catalog")
        return self._record(name, default, "default")

    def derived(self, name: str, value: T, source: str) -> T:
        """A value that follows from another option."""
        return self._record(name, value, self.origins.get(source, "given"))

    def _record(self, name: str, value: T, origin: Origin) -> T:
        value = self.inputs.context.named(name, value, origin)
        self.chosen[name] = value
        self.chosen_origins[name] = origin
        return value
