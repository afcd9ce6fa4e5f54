"""The user's profiles: one file each in a folder of his own, written whole.

Whoever saves a profile touches no other, so that several programs can do so at once without a
lock: each writes a file that nobody else knows of, and then gives it its name in one step.
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
    """Lay ``profile`` over the one of its name; whether there was one.

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
    """Take a profile out.

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
