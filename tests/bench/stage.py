"""What the benchmarks of a server run against: a PostgreSQL, servers, one slot."""

import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.process.conftest import Up, launch
from twinline.client import Client
from twinline.db.embedded import Cluster, find_binaries
from twinline.language.records import NewModelVersion
from twinline.routing.policy import SCHEMA

ROUTE = "answer"
ENVIRONMENT = "production"
SLOT = f"{ROUTE}@{ENVIRONMENT}"
ARMS = {"control": (0, 50_000), "candidate": (50_000, 95_000), "probe": (95_000, 100_000)}


@dataclass
class Stage:
    """A PostgreSQL of our own and a folder; the servers over it stop when it ends."""

    folder: Path
    database_url: str
    stack: ExitStack

    def server(self, name: str) -> Up:
        """Another ``twinline up`` over the one database; the first has the admin key."""
        log = self.folder / f"{name}.log"
        started = launch(self.folder / name, log, TWINLINE_DATABASE_URL=self.database_url)
        self.stack.callback(started.stop)
        return started


@contextmanager
def opened() -> Generator[Stage]:
    chosen = os.environ.get("TWINLINE_TEST_POSTGRES_BIN")
    binaries = find_binaries(Path(chosen) if chosen else None)
    with tempfile.TemporaryDirectory() as name:
        cluster = Cluster(Path(name) / "postgres", binaries, single_owner=True)
        with cluster, ExitStack() as stack:
            yield Stage(Path(name), cluster.url, stack)


def key_of(server: Up) -> str:
    assert server.key is not None, "only the first server over a database prints a key"
    return server.key


def make_bundles(client: Client) -> list[str]:
    """A bundle for each arm: one model version with three prompt versions."""
    model = client.models.register(NewModelVersion(name="assistant", source_uri="x:/assistant"))
    prompts = (
        client.prompts.create("answer", f"Answer as {arm} would: {{{{ question }}}}")
        for arm in ARMS
    )
    return [str(client.bundles.pair(model.ref, prompt.ref).ref) for prompt in prompts]


def policy(bundles: list[str]) -> dict[str, Any]:
    """Five rules, the last of them a split in three."""

    def leaf(attr: str, op: str, value: Any = None) -> dict[str, Any]:
        return {"attr": attr, "op": op} | ({} if value is None else {"value": value})

    fixed: dict[str, Any] = {
        "pinned": leaf("tenant", "in", ["acme", "globex", "initech"]),
        "careful": {"any": [leaf("dq.score", "lt", 0.6), leaf("dq.score", "absent")]},
        "legacy": leaf("app.version", "semver", "<2.0.0"),
        "premium": {"all": [leaf("tier", "eq", "gold"), leaf("n", "gt", 10)]},
    }
    rules: list[dict[str, Any]] = [
        {"id": name, "when": when, "serve": {"bundle": bundles[0]}} for name, when in fixed.items()
    ]
    arms = [
        {"name": name, "bundle": bundle, "ranges": [list(ARMS[name])]}
        for name, bundle in zip(ARMS, bundles, strict=True)
    ]
    split = {"salt": ROUTE, "arms": arms}
    rules.append({"id": "eu", "when": leaf("region", "prefix", "eu"), "serve": {"split": split}})
    return {
        "schema": SCHEMA,
        "unit": {"by": ["user"]},
        "rules": rules,
        "default": {"bundle": bundles[0]},
    }


def context_of(number: int) -> dict[str, Any]:
    """A context that passes all five rules on its way to the split."""
    return {
        "user": f"user-{number}",
        "tenant": f"tenant-{number % 12}",
        "app": {"version": "2.4.1"},
        "tier": "silver",
        "n": number % 30,
        "region": "eu-west-1",
        "dq": {"score": 0.93},
    }
