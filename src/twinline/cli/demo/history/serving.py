"""A server over a history that was just played.

Importing this imports scikit-learn.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from twinline.cli import serving
from twinline.cli.demo.history.player import play
from twinline.cli.demo.twinline_server import TwinlineProcess
from twinline.settings import Settings


@contextmanager
def served_history(folder: Path) -> Generator[TwinlineProcess]:
    """Play a history into ``folder``, which is empty, and serve it until the block ends.

    Raises:
        StartRefused, NoPostgres, DataFolderRefused: something does not start.
    """
    settings = Settings(home=folder, database_url=None)
    with serving.open_database(settings) as database:
        play(database, datetime.now(UTC))
    with TwinlineProcess(folder, None) as server:
        server.wait_until_ready()
        yield server
