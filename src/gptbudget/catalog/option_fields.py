"""The options of a run as fields of a file: of a scenario, and of a row of published runs."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, create_model

from gptbudget.catalog.index import read_option
from gptbudget.specs.base import Spec
from gptbudget.specs.command_options import commands_with
from gptbudget.specs.options import OPTIONS, called


class _Fields(Spec):
    """Base of files whose fields are options; improves the hint for unknown keys."""

    @classmethod
    def key_hint(cls, name: str) -> str:
        """A hint: the command that has this option, or our name for it."""
        if commands := commands_with(name):
            flag = f"--{name.replace('_', '-')}"
            return f"it is an option of {' and '.join(commands)}: give it there as {flag}"
        known = called(name, OPTIONS)
        return f"it is {known!r} here" if known else ""


if TYPE_CHECKING:

    class OptionFields(_Fields):
        """A field for each option, each optional."""

else:

    def _field(name: str) -> tuple[Any, None]:
        def read(raw: Any) -> Any:
            return None if raw is None else read_option(name, OPTIONS[name], raw)

        return Annotated[Any, BeforeValidator(read)], None

    OptionFields = create_model(
        "OptionFields", __base__=_Fields, **{name: _field(name) for name in OPTIONS}
    )
