"""The user's profiles: one file in his data folder, written whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gptbudget.errors import FileError, UnknownNameError

if TYPE_CHECKING:
    from gptbudget.specs.profile import Profile

_VARIABLE = "GPTBUDGET_PROFILES"


def profiles_file() -> Path:
    """``$GPTBUDGET_PROFILES``, else ``profiles.yaml`` of the platform's data folder."""
    configured = os.environ.get(_VARIABLE)
    if configured:
        return Path(configured).expanduser()
    import platformdirs

    return platformdirs.user_data_path("gptbudget") / "profiles.yaml"


def load_profiles() -> dict[str, Profile]:
    """Every profile, by name; none where there is no file.

    Raises:
        FileError: the file cannot be read, or a field is wrong, as ``file:line``.
    """
    path = profiles_file()
    if not path.exists():
        return {}
    from gptbudget.catalog.validate import build
    from gptbudget.catalog.yamlfile import read_yaml
    from gptbudget.specs.profile import ProfilesFile

    file = read_yaml(path)
    return dict(build(ProfilesFile, file.data, file).profiles)


def save_profile(profile: Profile) -> bool:
    """Lay ``profile`` over the one of its name; whether there was one.

    Raises:
        FileError: the file cannot be read or written.
    """
    profiles = load_profiles()
    replaced = profiles.pop(profile.name, None) is not None
    _write({**profiles, profile.name: profile})
    return replaced


def remove_profile(name: str) -> None:
    """Take a profile out.

    Raises:
        UnknownNameError: there is none of that name.
    """
    profiles = load_profiles()
    if name not in profiles:
        known = ", ".join(profiles) or "there is none"
        raise UnknownNameError(f"no profile is called {name!r}", f"profiles: {known}")
    _write({key: each for key, each in profiles.items() if key != name})


def _write(profiles: dict[str, Profile]) -> None:
    """Write all profiles in one go, so that a crash leaves the old file."""
    import yaml

    path = profiles_file()
    data = {"profiles": {key: each.model_dump(exclude_none=True) for key, each in profiles.items()}}
    text = "# Written by gptbudget calibrate.\n" + yaml.safe_dump(data, sort_keys=False)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror}") from None
