"""What is installed: where the shipped configuration lies, and the versions of the libraries a model depends on."""

import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from multisymbol.errors import InstallationError

LIBRARIES = (
    "multisymbol", "torch", "lightning", "numpy", "pandas", "TA-Lib", "numba", "mlflow", "safetensors",
    "exchange_calendars",
)  # fmt: skip
"""Libraries whose versions a stored model records."""

_PACKAGE = Path(__file__).resolve().parents[1]


def conf_folder() -> Path:
    """Return the folder of the shipped configuration: inside an installed package, at the top of a checkout."""
    packaged = _PACKAGE / "conf"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / "conf"


def group_files(group: str, folders: Sequence[Path]) -> list[str]:
    """Return the files of a configuration group, without `.yaml`; none where it is no group."""
    return sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})


def checkout() -> Path | None:
    """Return the top of the checkout that this code runs from; None for an installed package."""
    return None if conf_folder().parent == _PACKAGE else conf_folder().parent


def library_versions() -> dict[str, str]:
    """Return the installed version of each of `LIBRARIES`: every command that records a run or a model starts with it.

    Raises:
        InstallationError: A library is not installed, or the code runs from a folder that was never installed.
    """
    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError as error:
            source = checkout()
            raise InstallationError(
                f"{name} is not installed for {sys.executable}, and a stored model records its version. "
                f"Install it: {sys.executable} -m pip install {f'-e {source}' if source else 'multisymbol'}"
            ) from error
    return found
