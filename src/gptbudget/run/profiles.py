"""Apply the profile of one logged step to other runs on the same card with the same stack.

The step time is off by a factor that is partly the machine's and the program's, and so the same for
other shapes. Carrying 70 % of its logarithm lowers errors of published runs most (see
``evidence.speed``); the very run that was logged gets all of it.
"""

from typing import TYPE_CHECKING, Any

from gptbudget.core.arrays import real
from gptbudget.run.run import ModelRun
from gptbudget.specs.options import STEP_OPTIONS

if TYPE_CHECKING:
    from gptbudget.specs.profile import Profile


TRANSFERRED = 0.7
"""Of the log ratio of measured and predicted time, to other shapes; chosen on published runs."""


def shape_of(run: ModelRun) -> dict[str, Any]:
    """The options of a run that its speed and memory depend on."""
    return {name: run.values[name] for name in STEP_OPTIONS if run.values.get(name) is not None}


def time_factor(profile: "Profile | None", run: ModelRun) -> float:
    """Return the factor on predicted time; 1 without a profile."""
    if profile is None:
        return 1.0
    share = 1.0 if dict(profile.run) == shape_of(run) else TRANSFERRED
    return real(profile.slower**share)
