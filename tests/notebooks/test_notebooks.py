"""Notebooks are kept as people read and review them: small, without outputs, paired with text.

What they say is checked by running them (``pytest --nbmake notebooks``).
"""

import ast
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
CELLS_MAX = 12

pytestmark = pytest.mark.parametrize("name", NAMES)


def test_a_notebook_has_no_outputs_and_stable_cells(name: str) -> None:
    notebook = _read(name)
    nbformat.validate(notebook)
    assert len(notebook.cells) <= CELLS_MAX
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in notebook.cells:
        assert cell.metadata == {}
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


def test_a_notebook_is_the_script_beside_it(name: str) -> None:
    """After a change of either: ``jupytext --sync notebooks/*.ipynb``."""
    script = jupytext.read(FOLDER / f"{name}.py")
    assert _told(_read(name)) == _told(script)


def test_a_notebook_checks_what_it_says_and_runs_anywhere(name: str) -> None:
    notebook = _read(name)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "language_info" not in notebook.metadata  # which names somebody's Python
    trees = [ast.parse(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    nodes = [type(node) for tree in trees for node in ast.walk(tree)]
    assert ast.Assert in nodes


def test_the_readme_names_it(name: str) -> None:
    readme = (FOLDER.parent / "README.md").read_text("utf-8")
    assert f"notebooks/{name}.ipynb" in readme


def _read(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def _told(notebook: Any) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]
