"""Where catalogs, scenarios and the package's own data are found."""

import os
from collections.abc import Iterable
from pathlib import Path

from gptbudget.errors import FileError

_PACKAGE = Path(__file__).parent.parent
_SUFFIXES = (".yaml", ".yml")
_USER_CATALOG_VARIABLE = "GPTBUDGET_CATALOG"


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
    configured = os.environ.get(_USER_CATALOG_VARIABLE)
    if configured:
        return at_home(configured)
    import platformdirs

    return platformdirs.user_config_path("gptbudget")


def at_home(path: str) -> Path:
    """``path`` with a leading ``~`` as the shell reads it; of a user who is not there, as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib raises for a user unknown


def holds_config(folder: str) -> bool:
    """Whether ``folder`` is one with the ``config.json`` of a model."""
    return os.path.isfile(f"{folder}/config.json")  # noqa: PTH113 - as in ``_yaml_files``


def catalog_files(extra: Iterable[Path] = (), *, user: bool = True) -> tuple[Path, ...]:
    """Every catalog file that is read, in order; later files win, whole entries.

    Raises:
        FileError: ``$GPTBUDGET_CATALOG`` or one of ``extra`` is not there or holds no YAML.
    """
    files = list(shipped_files())
    if user:
        files += _files_of_user()
    for path in extra:
        files += _yaml_files(path, "--catalog")
    return tuple(files)


def _files_of_user() -> list[Path]:
    folder = user_catalog()
    if os.environ.get(_USER_CATALOG_VARIABLE):
        return _yaml_files(folder, f"${_USER_CATALOG_VARIABLE}")
    return _files_in(folder) if folder.is_dir() else []


def _yaml_files(path: Path, origin: str) -> list[Path]:
    """The YAML files that ``path`` (a file or a folder) stands for."""
    if not os.path.exists(path):  # noqa: PTH110 - of a name too long, pathlib makes an error
        raise FileError(f"{path}: no such file or folder", f"{origin} must name one that exists")
    if not path.is_dir():
        return [path]
    found = _files_in(path)
    if not found:
        raise FileError(f"{path}: holds no .yaml file", f"{origin} must name a catalog")
    return found


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise FileError(f"{folder}: cannot be read ({reason})", "check the path") from None
