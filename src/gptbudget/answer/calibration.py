"""What a logged step says of the built-in prediction, and the profiles there are."""

from collections.abc import Callable, Mapping

from gptbudget.answer.document import Data, Document, Table, grid
from gptbudget.run.calibration import Calibration
from gptbudget.run.profiles import TRANSFERRED
from gptbudget.specs.profile import Profile
from gptbudget.units import format_bytes, format_many, format_number, format_percent


def calibration_document(found: Calibration) -> Document:
    """How far the prediction was off, and what later commands make of it."""
    profile = found.profile
    compared: list[tuple[str, float, float, Callable[[float], str]]] = [
        ("tokens/s", profile.predicted_tokens_per_s, profile.tokens_per_s, format_number)
    ]
    if profile.peak_bytes and profile.predicted_peak_bytes:
        peaks = profile.predicted_peak_bytes, profile.peak_bytes
        compared.append((f"peak, {profile.figure}", *peaks, format_bytes))
    columns = ("", "predicted", "logged", "predicted over logged")
    rows = tuple(
        (label, write(predicted), write(logged), f"{predicted / logged - 1:+.1%}")
        for label, predicted, logged, write in compared
    )
    record = profile_data(profile)
    data = {"schema": 1, "profile": record, "replaced": found.replaced}
    return Document(
        _headline(found),
        (Table(columns, rows, right=frozenset(columns[1:])),),
        data,
        [record],
        _notes(found),
    )


def _headline(found: Calibration) -> str:
    profile = found.profile
    word = "faster" if profile.slower < 1 else "slower"
    share = abs(1 / profile.slower - 1)
    return (
        f"{'Replaced' if found.replaced else 'Saved'} {profile.name}: your run is "
        f"{format_percent(share)} {word} than predicted."
    )


def _notes(found: Calibration) -> tuple[str, ...]:
    profile = found.profile
    carried = profile.slower**TRANSFERRED
    said = [
        f"later predictions on {profile.gpu} with the {profile.stack} stack take "
        f"{carried:.3f} times as long ({TRANSFERRED:.0%} of the log ratio), and this very run "
        f"{profile.slower:.3f} times; --no-profile leaves it out"
    ]
    time = found.estimate.time
    if time is not None and time.low_s and time.high_s:
        low, high = time.low_s / time.wall_clock_s, time.high_s / time.wall_clock_s
        if not low <= profile.slower <= high:
            said.append(
                f"that is outside the likely range of {low:.2f} to {high:.2f} times: check GPUs, "
                "recipe and stack"
            )
    if profile.peak_bytes:
        said.append("the peak is kept beside it, and no later bill is changed")
    return tuple(said)


def profiles_document(profiles: Mapping[str, Profile], path: str) -> Document:
    """Every profile, with the run it was logged on."""
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
    """A profile as plain data, with what it makes of later predictions."""
    return {"name": profile.name, **profile.model_dump(), "carried": profile.slower**TRANSFERRED}
