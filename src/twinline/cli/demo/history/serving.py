"""A server over a history that was just played.

Importing this imports scikit-learn.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from twinline.cli.demo.history.player import play
from twinline.cli.demo.twinline_server import TwinlineProcess
from twinline.db import migrations
from twinline.db.embedded import Cluster, find_binaries
from twinline.db.session import connect
from twinline.settings import Settings


@contextmanager
def served_history(folder: Path) -> Generator[TwinlineProcess]:
    """Play a history into ``folder``, which is empty, and serve it until the block ends.

    Raises:
        StartRefused, NoPostgres, DataFolderRefused: something does not start.
    """
    _play_into(folder)
    with TwinlineProcess(folder, None) as server:
        server.wait_until_ready()
        yield server


def _play_into(folder: Path) -> None:
    binaries = find_binaries(Settings().postgres_bin)
    # The single owner's PostgreSQL ends with this thread, even when it is killed.
    with Cluster(folder, binaries, single_owner=True) as cluster:
        database = connect(cluster.url)
        try:
            migrations.upgrade(database)
            play(database, datetime.now(UTC))
        finally:
            database.close()
