"""The answers of ``calibrate``: a logged step against its prediction, and saved profiles."""

from collections.abc import Callable, Iterator, Mapping

from gptbudget.answer.document import Data, Document, Table, grid
from gptbudget.run.calibration import Calibration
from gptbudget.run.run import TRANSFERRED
from gptbudget.specs.profile import Profile
from gptbudget.units import format_bytes, format_many, format_number, format_percent


def calibration_document(calibration: Calibration) -> Document:
    """The error of the prediction, and how later commands correct for it."""
    profile = calibration.profile
    rows = [
        _compared("tokens/s", profile.predicted_tokens_per_s, profile.tokens_per_s, format_number)
    ]
    if profile.peak_bytes and profile.predicted_peak_bytes:
        peaks = profile.predicted_peak_bytes, profile.peak_bytes
        rows.append(_compared(f"peak, {profile.figure}", *peaks, format_bytes))
    columns = ("", "predicted", "logged", "predicted over logged")
    table = Table(columns, tuple(rows), right=frozenset(columns[1:]))
    saved = "Replaced" if calibration.replaced else "Saved"
    share = format_percent(abs(1 / profile.slower - 1))
    word = "faster" if profile.slower < 1 else "slower"
    headline = f"{saved} {profile.name}: your run is {share} {word} than predicted."
    record = profile_data(profile)
    data = {"schema": 1, "profile": record, "replaced": calibration.replaced}
    return Document(headline, (table,), data, [record], tuple(_notes(calibration)))


def _compared(
    label: str, predicted: float, logged: float, write: Callable[[float], str]
) -> tuple[str, ...]:
    return label, write(predicted), write(logged), f"{predicted / logged - 1:+.1%}"


def _notes(calibration: Calibration) -> Iterator[str]:
    profile, time = calibration.profile, calibration.estimate.time
    yield (
        f"later predictions on {profile.gpu} with the {profile.stack} stack are multiplied by "
        f"{profile.slower**TRANSFERRED:.3f} (the measured ratio to the power {TRANSFERRED:g}), and "
        f"this same run by {profile.slower:.3f}; --no-profile ignores the profile"
    )
    if time is not None and time.low_s and time.high_s:
        low, high = time.low_s / time.wall_clock_s, time.high_s / time.wall_clock_s
        if not low <= profile.slower <= high:
            yield (
                f"that is outside the likely range of {low:.2f} to {high:.2f} times: check GPUs, "
                "recipe and stack"
            )
    if profile.peak_bytes:
        yield "the logged peak is stored in the profile but does not change later memory estimates"


def profiles_document(profiles: Mapping[str, Profile], path: str) -> Document:
    """Return a table of all profiles, with the runs they were logged on."""
    table = grid(
        profiles.items(),
        {
            "profile": lambda each: each[0],
            "made": lambda each: each[1].made,
            "model": lambda each: str(each[1].run.get("model", "")),
            "logged tokens/s": lambda each: format_number(each[1].tokens_per_s),
            "predicted": lambda each: format_number(each[1].predicted_tokens_per_s),
            "carried": lambda each: f"x {each[1].slower ** TRANSFERRED:.3f}",
        },
        words={"made", "model"},
    )
    records = [profile_data(each) for each in profiles.values()]
    count = f"{format_many(len(profiles), 'profile')} in {path}"
    return Document(
        count,
        (table,) if profiles else (),
        {"schema": 1, "folder": path, "profiles": records},
        records,
    )


def profile_data(profile: Profile) -> Data:
    """A profile as plain data, with the factor that it applies to later predictions."""
    return {"name": profile.name, **profile.model_dump(), "carried": profile.slower**TRANSFERRED}
