"""``gptbudget calibrate``: one logged step of your own run makes predictions right for it."""

from typing import Annotated, Any

import typer

from gptbudget.cli.options import Invocation, takes
from gptbudget.specs.command_options import LOGGED_OPTIONS, LoggedOptions
from gptbudget.specs.options import OPTIONS, affecting

EPILOG = (
    "Example: gptbudget calibrate --gpu 4090 --model gpt2 --micro-batch 16 --tokens-per-s 98000"
)

_OPTIONS = {
    "gpu": OPTIONS["gpu"]._replace(
        help="Accelerator of the catalog that the step ran on; auto takes the cards of this "
        "machine."
    ),
    "gpus_per_node": OPTIONS["gpus_per_node"],
    "network": OPTIONS["network"],
    **{name: OPTIONS[name] for name in affecting("step")},
    "model": OPTIONS["model"]._replace(
        help="Model of the catalog, or a Hugging Face config.json or its folder.", takes="NAME"
    ),
    "stack": OPTIONS["stack"],
}

_LIST = Annotated[bool, typer.Option("--list", help="Show every profile and where it is kept.")]
_REMOVE = Annotated[str | None, typer.Option("--remove", metavar="NAME", help="Forget a profile.")]


@takes(
    {**_OPTIONS, **LOGGED_OPTIONS},
    extra={"listed": (_LIST, False), "removed": (_REMOVE, None)},
)
def command(invocation: Invocation) -> None:
    """Turn one logged step of your own run into a profile that later predictions use."""
    from gptbudget.answer.calibration import profiles_document
    from gptbudget.catalog.profiles import load_profiles, profiles_folder, remove_profile
    from gptbudget.errors import UsageError
    from gptbudget.render.output import write

    extra = invocation.extra
    measured = "tokens_per_s" in invocation.given
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

    if invocation.given:
        name = next(iter(invocation.given)).replace("_", "-")
        raise UsageError(f"--{name} has no effect without --tokens-per-s", "drop it")


def _calibrated(invocation: Invocation) -> Any:
    from gptbudget.answer.calibration import calibration_document
    from gptbudget.errors import UsageError
    from gptbudget.run.calibration import calibrate
    from gptbudget.run.question import ask, given_options

    given = dict(invocation.given)
    logged = given_options(
        {name: given.pop(name) for name in LOGGED_OPTIONS if name in given}, LoggedOptions
    )
    if logged.figure and not logged.peak:
        raise UsageError("--figure has no effect without --peak", "add it, or drop the other")
    found = calibrate(
        ask(given),
        logged.tokens_per_s or 0,
        logged.peak,
        logged.figure or "card",
        invocation.catalogs,
    )
    return calibration_document(found)
