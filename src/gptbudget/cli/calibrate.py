"""``gptbudget calibrate``: one logged step of your own run makes predictions right for it."""

from typing import Annotated, Any

import typer

from gptbudget.cli import completion
from gptbudget.cli.options import (
    ASSUMPTIONS,
    HARDWARE,
    JOB,
    LAYOUT,
    METHOD,
    RECIPE,
    Invocation,
    takes,
)

EPILOG = (
    "Example: gptbudget calibrate --gpu 4090 --model gpt2 --micro-batch 16 --tokens-per-s 98000"
)

_JOB = ("model", "seq_len", "micro_batch", "global_batch_tokens")
_HARDWARE = ("gpu", "gpus", "gpus_per_node", "network")
_ONE_GPU = HARDWARE["gpu"]._replace(
    help="Accelerator of the catalog that the step ran on; auto takes the cards of this machine."
)
_ONE_MODEL = JOB["model"]._replace(
    help="Model of the catalog, or a Hugging Face config.json or its folder.", metavar="NAME"
)

_SPEED = Annotated[
    str | None,
    typer.Option(
        "--tokens-per-s",
        metavar="RATE",
        help="Logged speed of the whole run, steady, in tokens of all GPUs.",
        rich_help_panel="Measured",
    ),
]
_PEAK = Annotated[
    str | None,
    typer.Option(
        "--peak", metavar="SIZE", help="Logged peak of one GPU.", rich_help_panel="Measured"
    ),
]
_FIGURE = Annotated[
    str | None,
    typer.Option(
        "--figure",
        metavar="allocated|reserved|card",
        help="What the peak is: torch's allocated or reserved, or all in use (nvidia-smi).",
        show_default="card",
        autocompletion=completion.choices("allocated|reserved|card"),
        rich_help_panel="Measured",
    ),
]
_LIST = Annotated[bool, typer.Option("--list", help="Show every profile and where it is kept.")]
_REMOVE = Annotated[str | None, typer.Option("--remove", metavar="NAME", help="Forget a profile.")]


@takes(
    {name: HARDWARE[name] for name in _HARDWARE} | {"gpu": _ONE_GPU},
    {name: JOB[name] for name in _JOB} | {"model": _ONE_MODEL},
    RECIPE,
    METHOD,
    LAYOUT,
    {"stack": ASSUMPTIONS["stack"]},
    extra={
        "tokens_per_s": (_SPEED, None),
        "peak": (_PEAK, None),
        "figure": (_FIGURE, None),
        "listed": (_LIST, False),
        "removed": (_REMOVE, None),
    },
)
def command(invocation: Invocation) -> None:
    """Turn one logged step of your own run into a profile that later predictions use."""
    from gptbudget.answer.calibration import profiles_document
    from gptbudget.catalog.profiles import load_profiles, profiles_folder, remove_profile
    from gptbudget.errors import UsageError
    from gptbudget.render.output import write

    extra = invocation.extra
    measured = extra["tokens_per_s"] is not None
    if measured + extra["listed"] + (extra["removed"] is not None) != 1:
        raise UsageError(
            "calibrate takes a logged speed, --list or --remove", "add one: --tokens-per-s 98000"
        )
    if not measured:
        _refuse_others(invocation)
        if extra["removed"] is not None:
            remove_profile(extra["removed"])
        write(profiles_document(load_profiles(), str(profiles_folder())), invocation.fmt)
        return
    write(_calibrated(invocation), invocation.fmt)


def _refuse_others(invocation: Invocation) -> None:
    from gptbudget.errors import UsageError

    given = [*invocation.given, *(name for name in ("peak", "figure") if invocation.extra[name])]
    if given:
        name = given[0].replace("_", "-")
        raise UsageError(f"--{name} has no effect without --tokens-per-s", "drop it")


def _calibrated(invocation: Invocation) -> Any:
    from gptbudget.answer.calibration import calibration_document
    from gptbudget.errors import UsageError
    from gptbudget.run.calibration import calibrate
    from gptbudget.run.question import ask, given_options
    from gptbudget.specs.profile import Measurement

    extra = invocation.extra
    if extra["figure"] and not extra["peak"]:
        raise UsageError("--figure has no effect without --peak", "add it, or drop the other")
    given = {name: extra[name] for name in ("tokens_per_s", "peak", "figure") if extra[name]}
    logged = given_options(given, Measurement)
    question = ask(invocation.given)
    found = calibrate(
        question, logged.tokens_per_s, logged.peak, logged.figure, invocation.catalogs
    )
    return calibration_document(found)
