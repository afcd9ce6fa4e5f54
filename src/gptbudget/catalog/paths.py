"""Where catalogs, scenarios and the package's own data are found."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from gptbudget.errors import FileError

_PACKAGE = Path(__file__).parent.parent
_SUFFIXES = (".yaml", ".yml")
_USER_CATALOG_VARIABLE = "GPTBUDGET_CATALOG"
_RENAME_TRIES = 20
_RENAME_PAUSE_S = 0.05


def shipped_folder() -> Path:
    """The folder of the shipped ``gpus.yaml`` and ``models.yaml``.

    Inside a wheel they are a folder of the package; in an editable install they are the
    files at the top of the checkout, so that an edit counts at once.
    """
    inside_wheel = _PACKAGE / "_catalog"
    return inside_wheel if inside_wheel.is_dir() else _PACKAGE.parent.parent


def shipped_files() -> tuple[Path, ...]:
    """The shipped catalog files, in the order they are read."""
    return (shipped_folder() / "gpus.yaml", shipped_folder() / "models.yaml")


def data_file(name: str) -> Path:
    """A file of reference data inside the package."""
    return _PACKAGE / "data" / name


def user_catalog() -> Path:
    """The user's own catalog: ``$GPTBUDGET_CATALOG``, else the platform's config folder."""
    return user_path(_USER_CATALOG_VARIABLE, "config")


def user_path(variable: str, kind: Literal["cache", "config", "data"], below: str = "") -> Path:
    """The folder that an environment variable names, else the platform's of this kind.

    A leading ``~`` is read as the shell does; of a user who is not there it stays as it is.
    """
    configured = os.environ.get(variable)
    if configured:
        return Path(os.path.expanduser(configured))  # noqa: PTH111 - pathlib raises for a user unknown
    import platformdirs

    folder: Path = getattr(platformdirs, f"user_{kind}_path")("gptbudget")
    return folder / below


def holds_config(folder: str) -> bool:
    """Whether ``folder`` is one with the ``config.json`` of a model."""
    return os.path.isfile(f"{folder}/config.json")  # noqa: PTH113 - as in ``_yaml_files``


def catalog_files(extra: Iterable[Path] = (), *, user: bool = True) -> tuple[Path, ...]:
    """Every catalog file that is read, in order; entries in later files replace earlier ones.

    Raises:
        FileError: ``$GPTBUDGET_CATALOG`` or one of ``extra`` is not there or holds no YAML.
    """
    files = list(shipped_files())
    if user and os.environ.get(_USER_CATALOG_VARIABLE):
        files += _yaml_files(user_catalog(), f"${_USER_CATALOG_VARIABLE}")
    elif user and user_catalog().is_dir():
        files += _files_in(user_catalog())
    for path in extra:
        files += _yaml_files(path, "--catalog")
    return tuple(files)


def _yaml_files(path: Path, origin: str) -> list[Path]:
    """The YAML files that ``path`` (a file or a folder) stands for."""
    if not os.path.exists(path):  # noqa: PTH110 - of a name too long, pathlib makes an error
        raise FileError(f"{path}: no such file or folder", f"{origin} must name one that exists")
    if not path.is_dir():
        return [path]
    files = _files_in(path)
    if not files:
        raise FileError(f"{path}: holds no .yaml file", f"{origin} must name a catalog")
    return files


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    except OSError as error:
        raise unreadable(folder, error) from None


def unreadable(path: Path, error: OSError) -> FileError:
    """What to say of a file or folder that the system does not let us read."""
    reason = (error.strerror or type(error).__name__).lower()
    return FileError(f"{path}: cannot be read ({reason})", "check the path")


def write_whole(path: Path, content: bytes) -> None:
    """Write under a name that nobody knows, then rename: a reader sees the old file or the new.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(".new", f"{path.name}.", path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        _rename(Path(fresh), path)
    finally:
        Path(fresh).unlink(missing_ok=True)


def _rename(fresh: Path, path: Path) -> None:
    """Rename; Windows does so over no file that another program reads, for some milliseconds."""
    import time

    for left in reversed(range(_RENAME_TRIES)):
        try:
            fresh.replace(path)
        except PermissionError:
            if not left:
                raise
            time.sleep(_RENAME_PAUSE_S)
        else:
            return
