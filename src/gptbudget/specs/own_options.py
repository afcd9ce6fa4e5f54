"""Options of single commands, beside those of a run."""

from typing import Annotated

from pydantic import BeforeValidator

from gptbudget import units
from gptbudget.specs.base import Spec
from gptbudget.specs.options import Amount, CountAmount, Minimize, Options, Whole


class PlanOptions(Options):
    """Options of ``plan``: a budget of money, and what is known of data and use."""

    cost: Amount | None = None
    unique_tokens: CountAmount | None = None
    inference_tokens: CountAmount | None = None


class ReadingOptions(Options):
    """Options of ``models``: a published speed beside them."""

    tokens_per_s: CountAmount | None = None
    tflops: Amount | None = None


class SearchOptions(Spec):
    """Options of ``fit`` beside those of the run: what is open, and what must hold."""

    gpus: Annotated[tuple[int, int], BeforeValidator(units.parse_range)] | None = None
    """The fewest and the most GPUs."""
    minimize: Minimize | None = None
    cost: Amount | None = None
    """At most, in US dollars."""
    top: Whole | None = None
    """Rows of the answer."""
