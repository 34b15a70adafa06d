import json
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def _cells(path: Path) -> list[dict[str, Any]]:
    book = json.loads(path.read_text("utf-8"))
    cells: list[dict[str, Any]] = book["cells"]
    return cells


def test_there_are_four_notebooks() -> None:
    assert len(NOTEBOOKS) == 4


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for extra in ("matplotlib", "pandas", "optuna"):
        pytest.importorskip(extra)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "notebook"}

    for number, cell in enumerate(_cells(path)):
        if cell["cell_type"] == "code":
            code = compile("".join(cell["source"]), f"{path.name}:{number}", "exec")
            exec(code, names)  # noqa: S102 - what the notebook would do


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_what_it_printed(path: Path) -> None:
    code = [cell for cell in _cells(path) if cell["cell_type"] == "code"]

    assert code
    assert all(cell["outputs"] == [] for cell in code)
    assert all(cell["execution_count"] is None for cell in code)
