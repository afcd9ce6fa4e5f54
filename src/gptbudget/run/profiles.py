"""One logged step, carried to other runs on the same card with the same software.

The step time is off by a factor that is partly the machine's and the program's, and so the same for
other shapes. Carrying 70 % of its logarithm lowers errors of published runs most (see
``evidence.speed``); the very run that was logged gets all of it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gptbudget.core.arrays import real
from gptbudget.run.run import ModelRun
from gptbudget.specs.options import STEP_OPTIONS

if TYPE_CHECKING:
    from gptbudget.specs.profile import Profile


CARRIED = 0.7
"""Of the log ratio of measured and predicted time, to other shapes; chosen on published runs."""


def shape_of(run: ModelRun) -> dict[str, Any]:
    """The options of a run that its speed and memory depend on."""
    return {name: run.values[name] for name in STEP_OPTIONS if run.values.get(name) is not None}


def time_factor(profile: "Profile | None", run: ModelRun) -> float:
    """By what predicted seconds are longer; 1 without a profile."""
    if profile is None:
        return 1.0
    return real(profile.slower ** carried_share(profile, run))


def carried_share(profile: "Profile", run: ModelRun) -> float:
    """All for the run that was logged, a part for any other."""
    return 1.0 if is_same_run(profile.run, run) else CARRIED


def is_same_run(logged: Mapping[str, Any], run: ModelRun) -> bool:
    """Whether the logged options are those of ``run``."""
    return dict(logged) == shape_of(run)
