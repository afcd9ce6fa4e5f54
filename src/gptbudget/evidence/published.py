"""A published training run: its options, what was measured of it, and who says so."""

from typing import Any, Literal, NamedTuple

from pydantic import field_validator, model_validator

from gptbudget.catalog.option_fields import OptionFields
from gptbudget.specs.base import Fraction, Positive, Spec, Text
from gptbudget.specs.evidence import Figure
from gptbudget.units import GIB

SPEEDS = ("tokens_per_s", "tokens_per_s_per_gpu", "step_s", "tflops_per_gpu", "mfu")
"""Ways to publish a speed; a row has one of them."""

_PEAKS = {"peak_gb": 1e9, "peak_gib": GIB}


class SharedFields(OptionFields):
    """Options of the command line, and what the rows of a source may share beside them."""

    accumulates: bool = False
    """Gradients of earlier micro-batches are alive; the batch itself is not known."""
    rank: Literal["first"] | None = None
    """The peak is that of the first pipeline stage, not of the worst."""
    peak_tflops: Positive | None = None
    """What an MFU is a share of."""
    assumed_input: Text | None = None
    """The one input that neither the row nor its source says."""


class RunRow(SharedFields):
    """One run, over what its source shares, and what was measured."""

    id: Text
    ran: bool | None = None
    """It ran, or ran out of memory."""
    peak_gb: Positive | None = None
    peak_gib: Positive | None = None
    tokens_per_s: Positive | None = None
    tokens_per_s_per_gpu: Positive | None = None
    step_s: Positive | None = None
    tflops_per_gpu: Positive | None = None
    mfu: Fraction | None = None
    speed: OptionFields = OptionFields()
    """Options that hold for the speed alone, such as fp8 products over 16-bit tensors."""
    quote: Text | None = None

    @field_validator("gpu", "model")
    @classmethod
    def _one_name(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and len(names) > 1:
            msg = "a run has one card and one model: write one name"
            raise ValueError(msg)
        return names

    @model_validator(mode="after")
    def _measured_once(self) -> "RunRow":
        speeds = [name for name in SPEEDS if getattr(self, name) is not None]
        if len(speeds) > 1:
            msg = (
                f"{' and '.join(speeds)} are two speeds of one run: keep the one that was measured"
            )
            raise ValueError(msg)
        if not speeds and self.peak_bytes is None and self.ran is None:
            msg = f"nothing was measured: add one of {', '.join((*SPEEDS, *_PEAKS, 'ran'))}"
            raise ValueError(msg)
        return self

    @property
    def peak_bytes(self) -> float | None:
        """The published peak of one accelerator."""
        for name, unit in _PEAKS.items():
            value = getattr(self, name)
            if value is not None:
                return float(value * unit)
        return None


class SourceFile(Spec):
    """Rows of one source, and the options they share."""

    title: Text
    url: Text | None = None
    cites: tuple[Text, ...] = ()
    """What says the options that the rows themselves do not."""
    figure: Figure | None = None
    """What its peaks are."""
    stack_reason: Text | None = None
    """Why this software's constants, from the source's own text."""
    assumed: Text | None = None
    off_because: Text | None = None
    """What its runs wait for that no input says; no constant is bent for it."""
    border: bool = False
    """Its rows are one batch size on either side of what a card holds."""
    options: SharedFields = SharedFields()
    rows: tuple[RunRow, ...]


class LeftOut(Spec):
    """Published rows that are listed and not scored."""

    reason: Text
    ids: tuple[Text, ...]


class RunsFile(Spec):
    """A file of published runs."""

    sources: dict[str, SourceFile]
    memory_left_out: tuple[LeftOut, ...] = ()
    """Rows whose memory is not scored, though they ran."""
    left_out: tuple[LeftOut, ...] = ()


class PublishedSource(NamedTuple):
    """Where rows come from."""

    key: str
    title: str
    url: str | None
    stack_reason: str | None
    assumed: str | None
    off_because: str | None
    border: bool


class PublishedSpeed(NamedTuple):
    """A speed as it was published."""

    kind: str
    """One of ``SPEEDS``."""
    value: float
    convention: str | None
    """Which FLOPs a rate or a utilization counts."""
    peak_flops_per_s: float | None


class PublishedRun(NamedTuple):
    """One published run, ready to be scored."""

    id: str
    source: PublishedSource
    place: str
    """``file:line`` of the row."""
    model: str
    gpu: str
    options: dict[str, Any]
    speed_options: dict[str, Any]
    figure: Figure | None
    peak_bytes: float | None
    ran: bool | None
    """``None``: nothing is said of memory."""
    first_rank: bool
    speed: PublishedSpeed | None
    assumed_input: str | None
    """What had to be assumed of its inputs; ``None``: it is complete."""
    quote: str | None


class LeftOutRow(NamedTuple):
    """One published speed, predicted with constants that were fitted without its source."""

    id: str
    source: str
    family: str
    inputs: str
    range_class: str
    """The class of ``time_ranges.yaml`` it is of."""
    error: float
    """Predicted over published tokens/s, less one; measured over predicted time, less one."""
    constant_error: float | None
    """The same of the best constant utilization of the same hardware and software."""

    @property
    def keys(self) -> dict[str, str]:
        """What the row may be grouped by."""
        return {
            "source": self.source,
            "family": self.family,
            "inputs": self.inputs,
            "class": self.range_class,
        }
