"""One logged step, as it is typed."""

from __future__ import annotations

from gptbudget.specs.base import Spec
from gptbudget.specs.evidence import Figure
from gptbudget.specs.options import ByteAmount, CountAmount


class Measurement(Spec):
    """Speed, and perhaps the peak, of the user's own run."""

    tokens_per_s: CountAmount
    peak: ByteAmount | None = None
    figure: Figure = "card"
