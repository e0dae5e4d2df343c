"""The README starts an MLflow with the outbox as the tests of this room do."""

import shlex
from itertools import pairwise
from pathlib import Path

from tests.outbox.servers import OutboxMlflow
from tests.support.readme import exported, snippet
from twinline.mlflow.outbox_sender import Destination

DATABASE = "postgresql://mlflow@127.0.0.1/mlflow"


def test_what_the_readme_starts_is_what_is_tested(tmp_path: Path) -> None:
    tell, start = snippet("outbox").replace("postgresql://...", DATABASE).splitlines()
    told = exported(tell)
    assert Destination.of(told) is not None
    program, verb, *options = shlex.split(start)
    tested = OutboxMlflow(tmp_path, DATABASE, told=told).command()
    assert tested[2:4] == [program, verb]
    asked = dict(zip(options[::2], options[1::2], strict=True))
    assert asked.keys() == {"--backend-store-uri", "--registry-store-uri"}
    assert asked.items() <= dict(pairwise(tested)).items()
