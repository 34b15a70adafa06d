"""Vectors that other projects published, where this machine has them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def pytest_runtest_setup() -> None:
    """Skip this folder in a checkout that stands alone.

    A hook and not a fixture, so that pytest reports one line for the whole folder.
    """
    if not VECTORS.is_dir():
        pytest.skip("published vectors: expected ../shared/vectors, found no folder")


@pytest.fixture(scope="session")
def load_vectors() -> Callable[[str], dict[str, Any]]:
    """Read one file of published vectors by its name without `.json`."""

    def load(name: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_bytes())
        return value

    return load
