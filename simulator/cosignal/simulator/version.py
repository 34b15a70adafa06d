"""The version that results and studies carry."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    try:
        return version("cosignal")
    except PackageNotFoundError:  # run from its sources
        return "unknown"


VERSION: Final = _installed()
