"""Base of all input models: frozen, strict, unknown keys are errors."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Spec(BaseModel):
    """A validated, immutable piece of input."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True
    )

    @classmethod
    def key_hint(cls, _name: str) -> str:
        """Return a hint for an unknown key; empty if there is none."""
        return ""


Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Count = Annotated[int, Field(ge=1, le=10**12)]
Positive = Annotated[float, Field(ge=1e-30, le=1e30)]
"""Greater than zero; bounded far outside anything real, so that every product stays finite."""
Fraction = Annotated[float, Field(gt=0, le=1)]
YearMonth = Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]
"""A date as precise as the source is: ``2023``, ``2023-01`` or ``2023-01-05``."""


S = TypeVar("S", bound=Spec)


def restored(spec: type[S], data: Mapping[str, Any]) -> S:
    """Rebuild an object from its validated plain data, without validating again.

    ``data`` is that of ``model_dump``.
    """
    fields = spec.model_fields
    values = {name: _part(fields[name].annotation, value) for name, value in data.items()}
    return spec.model_construct(**values)


def _part(annotation: Any, value: Any) -> Any:
    """A value of a field: objects where its annotation has a spec, in a tuple too."""
    if not isinstance(value, dict | tuple):
        return value
    inner = spec_in(annotation)
    if inner is None:
        return value
    if isinstance(value, dict):
        return restored(inner, value)
    return tuple(restored(inner, each) for each in value)


def spec_in(annotation: Any) -> type[Spec] | None:
    """The spec that an annotation names: itself, or what it is a union or a tuple of."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return annotation
    for each in get_args(annotation):
        inner = spec_in(each)
        if inner is not None:
            return inner
    return None
