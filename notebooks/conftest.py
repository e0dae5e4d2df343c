"""One catalog for all notebooks of a run (``pytest --nbmake notebooks``)."""

import pytest

from twinline.notebooks import connect


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the demo, unless ``TWINLINE_URL`` names a catalog; it ends with the process."""
    if session.config.getoption("nbmake"):
        connect().close()
