"""The user's profiles: one file per profile in one folder, written atomically.

Saving a profile touches no other file, so that several processes can save at once without a lock:
each writes a temporary file and renames it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from gptbudget.catalog.paths import user_path, write_whole
from gptbudget.errors import FileError, UnknownNameError

if TYPE_CHECKING:
    from gptbudget.specs.profile import Profile

_VARIABLE = "GPTBUDGET_PROFILES"


def profiles_folder() -> Path:
    """``$GPTBUDGET_PROFILES``, else ``profiles`` in the platform's data folder."""
    return user_path(_VARIABLE, "data", "profiles")


def load_profiles() -> "dict[str, Profile]":
    """Every profile, by name; none where there is no folder.

    Raises:
        FileError: a file cannot be read, or a field is wrong, as ``file:line``.
    """
    folder = profiles_folder()
    if not folder.exists():
        return {}
    if not folder.is_dir():
        raise FileError(f"{folder}: is no folder", f"name a folder in {_VARIABLE}")
    profiles = (_read(path) for path in sorted(folder.glob("*.yaml")))
    return {each.name: each for each in profiles if each is not None}


def _read(path: Path) -> "Profile | None":
    """The profile of a file; ``None`` where it was removed since the folder was listed."""
    from gptbudget.catalog.index import stack_names
    from gptbudget.catalog.sentences import build
    from gptbudget.catalog.yamlfile import read_yaml
    from gptbudget.specs.profile import Profile

    try:
        file = read_yaml(path)
    except FileError:
        if path.exists():
            raise
        return None
    profile = build(Profile, file.data, file)
    if profile.stack not in stack_names():
        known = f"write one of {', '.join(stack_names())}"
        raise file.fault(f"{profile.stack!r} is not known", known, "stack")
    return profile


def save_profile(profile: "Profile") -> bool:
    """Save ``profile``; return whether it replaced one of the same name.

    Raises:
        FileError: the file cannot be written.
    """
    import yaml

    path = _path_of(profile.name)
    replaced = path.exists()
    text = yaml.safe_dump(profile.model_dump(exclude_none=True), sort_keys=False)
    try:
        write_whole(path, f"# Written by gptbudget calibrate.\n{text}".encode())
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror}") from None
    return replaced


def remove_profile(name: str) -> None:
    """Delete a profile.

    Raises:
        UnknownNameError: there is none of that name.
    """
    try:
        _path_of(name).unlink()
    except FileNotFoundError:
        known = ", ".join(load_profiles()) or "there is none"
        raise UnknownNameError(f"no profile is called {name!r}", f"profiles: {known}") from None
    except OSError as error:
        raise FileError(f"{_path_of(name)}: cannot be removed: {error.strerror}") from None


def _path_of(name: str) -> Path:
    """``rtx-4090.compiled.yaml``: card and software; what no file name may hold is escaped."""
    from urllib.parse import quote

    gpu, _, stack = name.rpartition("/")
    return profiles_folder() / f"{quote(gpu, safe='')}.{quote(stack, safe='')}.yaml"
