"""Options that only one command has."""

from functools import partial
from typing import Annotated

from gptbudget import units
from gptbudget.specs import values
from gptbudget.specs.options import OPTIONS, Option, Options, OptionValues
from gptbudget.specs.recipe import Precision
from gptbudget.specs.values import Figure, FlopsConvention, Minimize

_search = partial(Option, "Search and plan")
_measured = partial(Option, "Measured")
_job = partial(Option, "Job")
_hardware = partial(Option, "Hardware")
_assumption = partial(Option, "Assumptions")


class PlanOptions(Options):
    """Options of ``plan``: those of a run, a money budget, unique and inference tokens."""

    cost: Annotated[
        float | None, _search(units.parse_amount, "US dollars to spend.", "USD", also="budget usd")
    ] = None
    unique_tokens: Annotated[
        float | None,
        _search(
            units.parse_count,
            "Unique training tokens available; training on more repeats them.",
            "COUNT",
        ),
    ] = None
    inference_tokens: Annotated[
        float | None,
        _search(units.parse_count, "Tokens the model will process in inference.", "COUNT"),
    ] = None


class ReadingOptions(OptionValues):
    """Options of ``models``: a published speed, and the GPU and conventions for its MFU."""

    gpu: Annotated[tuple[str, ...] | None, OPTIONS["gpu"]] = None
    gpus: Annotated[int | None, OPTIONS["gpus"]] = None
    seq_len: Annotated[int | None, OPTIONS["seq_len"]] = None
    precision: Annotated[Precision | None, OPTIONS["precision"]] = None
    tokens_per_s: Annotated[
        float | None,
        _job(units.parse_count, "Published speed of the whole run, to be read as an MFU.", "RATE"),
    ] = None
    tflops: Annotated[
        float | None,
        _job(
            units.parse_amount,
            "Published TFLOP/s of one GPU, in the FLOPs of --convention.",
            "TFLOPS",
        ),
    ] = None
    convention: Annotated[
        FlopsConvention | None,
        _assumption(values.word(FlopsConvention), "How --tflops was counted.", default="exact"),
    ] = None


class SearchOptions(OptionValues):
    """Options that only ``fit`` has: range of GPUs, objective and limits."""

    gpus: Annotated[
        tuple[int, int] | None,
        _hardware(
            units.parse_range,
            "How many of them, or a range to search: 8, 1..1024.",
            "N|N..N",
            "1",
        ),
    ] = None
    """The fewest and the most GPUs."""
    minimize: Annotated[
        Minimize | None,
        _search(
            values.word(Minimize), "Quantity to minimize; results are sorted by it.", default="time"
        ),
    ] = None
    cost: Annotated[
        float | None,
        _search(units.parse_amount, "Maximum cost in US dollars.", "USD", "any", also="budget usd"),
    ] = None
    top: Annotated[
        int | None,
        _search(units.parse_whole, "Rows of the answer.", "N", "10 in a table, 300 in data"),
    ] = None


class LoggedOptions(OptionValues):
    """Options of ``calibrate``: speed, and perhaps the peak, of the user's own run."""

    tokens_per_s: Annotated[
        float | None,
        _measured(
            units.parse_count,
            "Logged speed of the whole run, steady, in tokens of all GPUs.",
            "RATE",
        ),
    ] = None
    peak: Annotated[
        float | None, _measured(units.parse_bytes, "Logged peak of one GPU.", "SIZE")
    ] = None
    figure: Annotated[
        Figure | None,
        _measured(
            values.word(Figure),
            "What the peak is: torch's allocated or reserved, or all in use (nvidia-smi).",
            default="card",
        ),
    ] = None


FIT_OPTIONS = {**OPTIONS, **SearchOptions.table}
FIT_OPTIONS["time"] = OPTIONS["time"]._replace(  # a limit instead of a horizon
    group="Search and plan", help="Maximum wall-clock time: 30d, 1y.", default="any"
)
del FIT_OPTIONS["flops"]
PLAN_OPTIONS = PlanOptions.table
READING_OPTIONS = ReadingOptions.table
LOGGED_OPTIONS = LoggedOptions.table

_COMMANDS = {
    "plan": PLAN_OPTIONS,
    "fit": FIT_OPTIONS,
    "models": READING_OPTIONS,
    "calibrate": LOGGED_OPTIONS,
}


def commands_with(name: str) -> tuple[str, ...]:
    """The commands that have an option which a run does not have."""
    return tuple(
        command for command, options in _COMMANDS.items() if name in options.keys() - OPTIONS.keys()
    )
