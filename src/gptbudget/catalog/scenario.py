"""A scenario file: one question in YAML, with requirements and expected values.

Its options are fields of the file, as they are of a row of published runs.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, create_model, field_validator

from gptbudget import units
from gptbudget.catalog.index import read_option
from gptbudget.catalog.sentences import build
from gptbudget.catalog.yamlfile import read_yaml
from gptbudget.specs.base import Positive, Spec, Text
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


def _as_written(raw: Any) -> Any:
    """Convert a plain number to text, so that its missing unit is reported."""
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw


class Requirements(Spec):
    """``require:`` what must hold beside fitting and finishing in time."""

    fits: bool | None = None
    max_wall_clock: Annotated[float, BeforeValidator(units.parse_duration)] | None = None
    max_cost_usd: Annotated[float, BeforeValidator(units.parse_amount)] | None = None
    min_ratio: Positive | None = None

    _unit_is_written = field_validator("max_wall_clock", mode="before")(_as_written)


class Expectation(Spec):
    """``expect:`` one value of the answer, from a published or derived source."""

    key: Text
    """Path in the JSON answer, joined by dots: ``compute.ratio``."""
    value: float | bool | str | None
    tolerance: Annotated[float, BeforeValidator(units.parse_fraction)] | None = None
    """Relative; absent: exact."""
    source: Text


class ScenarioFile(OptionFields):
    """The options of a question, and what belongs to the question itself."""

    question: Text
    require: Requirements = Requirements()
    expect: tuple[Expectation, ...] = ()

    _units_are_written = field_validator(
        *(name for name, option in OPTIONS.items() if option.unit), mode="before"
    )(_as_written)


@dataclass(frozen=True)
class Scenario:
    """A question read from a file."""

    question: str
    given: dict[str, Any]
    """The options the file gives, validated."""
    places: dict[str, str]
    """The ``file:line`` of each of them."""
    require: Requirements
    expect: tuple[Expectation, ...]


def load_scenario(path: Path) -> Scenario:
    """Read a scenario.

    Raises:
        FileError: it cannot be read, or a field is unknown or wrong, as ``file:line``.
    """
    file = read_yaml(path)
    if not isinstance(file.data, dict):
        raise file.fault("is not a scenario", "give question: and options such as gpu:")
    content = build(ScenarioFile, file.data, file)
    given = {name: getattr(content, name) for name in OPTIONS if getattr(content, name) is not None}
    places = {name: file.where(name) for name in given}
    return Scenario(content.question, given, places, content.require, content.expect)
