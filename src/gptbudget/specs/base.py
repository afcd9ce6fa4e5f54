"""What every input model shares: frozen, strict, and closed to unknown keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticKnownError


class Spec(BaseModel):
    """A validated, immutable piece of input."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True
    )


Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Count = Annotated[int, Field(ge=1, le=10**12)]
Positive = Annotated[float, Field(ge=1e-30, le=1e30)]
"""Greater than zero; bounded far outside anything real, so that every product stays finite."""
Fraction = Annotated[float, Field(gt=0, le=1)]
YearMonth = Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]
"""A date as precise as the source is: ``2023``, ``2023-01`` or ``2023-01-05``."""


def one_of(names: Iterable[str], raw: object) -> str:
    """``raw`` if it is one of ``names``, which come from a table; else the fault of a ``Literal``.

    Raises:
        PydanticKnownError: it is none of them.
    """
    known = tuple(names)
    if isinstance(raw, str) and raw in known:
        return raw
    *most, last = map(repr, known)
    expected = f"{', '.join(most)} or {last}" if most else last
    raise PydanticKnownError("literal_error", {"expected": expected})
