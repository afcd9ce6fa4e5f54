"""One step of an explanation: a formula as arithmetic, and everything that is in it."""

from typing import Literal, NamedTuple

Origin = Literal["given", "scenario", "driver", "catalog", "default", "assumed", "computed"]
"""Said by the user, on the command line or in a scenario; of a catalog; a default of an option; an
assumption without an option; an earlier step."""


class Input(NamedTuple):
    """A number that a step takes in."""

    name: str
    value: float
    unit: str
    origin: Origin
    source: str


class Step(NamedTuple):
    """A number of the answer: its formula, and everything that is in it."""

    section: str
    name: str
    formula: str
    with_numbers: str
    value: float
    unit: str
    source: str
    inputs: tuple[Input, ...]
