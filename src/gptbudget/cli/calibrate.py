"""``gptbudget calibrate``: correct predictions by one logged step of your own run."""

from typing import TYPE_CHECKING

from gptbudget.cli.flags import Invocation, own, takes
from gptbudget.specs.command_options import LOGGED_OPTIONS, LoggedOptions
from gptbudget.specs.options import OPTIONS, affecting

if TYPE_CHECKING:
    from gptbudget.run.calibration import Calibration

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

_EXTRA = {
    "listed": own(bool, "--list", default=False, help="Show every profile and where it is kept."),
    "removed": own(str | None, "--remove", metavar="NAME", help="Delete a profile."),
}


@takes({**_OPTIONS, **LOGGED_OPTIONS}, extra=_EXTRA)
def command(invocation: Invocation) -> None:
    """Turn one logged step of your own run into a profile that later predictions use."""
    from gptbudget.answer.calibration import calibration_document, profiles_document
    from gptbudget.catalog.profiles import load_profiles, profiles_folder, remove_profile
    from gptbudget.errors import UsageError
    from gptbudget.render.output import write

    given, removed = invocation.given, invocation.extra["removed"]
    logged = "tokens_per_s" in given
    if logged + invocation.extra["listed"] + (removed is not None) != 1:
        raise UsageError(
            "calibrate takes a logged speed, --list or --remove", "add one: --tokens-per-s 98000"
        )
    if logged:
        write(calibration_document(_calibrated(invocation)), invocation.fmt)
        return
    if given:
        name = next(iter(given)).replace("_", "-")
        raise UsageError(f"--{name} has no effect without --tokens-per-s", "drop it")
    if removed is not None:
        remove_profile(removed)
    write(profiles_document(load_profiles(), str(profiles_folder())), invocation.fmt)


def _calibrated(invocation: Invocation) -> "Calibration":
    from gptbudget.errors import UsageError
    from gptbudget.run.calibration import calibrate
    from gptbudget.run.question import ask, given_options

    given = dict(invocation.given)
    own = {name: given.pop(name) for name in LOGGED_OPTIONS if name in given}
    logged = given_options(own, LoggedOptions)
    if logged.figure and not logged.peak:
        raise UsageError("--figure has no effect without --peak", "add it, or drop the other")
    rate, figure = logged.tokens_per_s or 0, logged.figure or "card"
    return calibrate(ask(given), rate, logged.peak, figure, invocation.catalogs)
