"""Three ways to ask for the same thing, and one answer.

REST through its fast door, the client that resolves in its own process, and OFREP's
evaluation of all flags at once are asked for 100,000 random pairs of a policy and a
context. OFREP says less than REST, so it is compared with what REST says in its words.
"""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.openfeature.chance import Chance, Document
from tests.openfeature.conftest import bundle_value, issue
from tests.support.catalog import Catalog
from tests.support.serving import served
from twinline.app import make_app
from twinline.client import Client
from twinline.client.local.resolved import Resolved
from twinline.db.session import Database
from twinline.language.errors import Killed, NoActiveBundle, TwinlineError
from twinline.language.records import Role
from twinline.resolutions import codec

ROUTES, CONTEXTS = 100, 1_000
SEED = 20_261_121
AT_ONCE = 25
"""Requests on their way at a time: few enough for the buffers of a socket."""

Row = dict[str, Any]
REASONS = {
    "default": "STATIC",
    "rule": "TARGETING_MATCH",
    "split": "SPLIT",
    "unit-missing": "UNKNOWN",
}


class Wire:
    """A connection that is kept, and that many requests are on at once."""

    def __init__(self, url: str, key: str) -> None:
        address = urlsplit(url)
        assert address.hostname
        self._socket = socket.create_connection((address.hostname, address.port or 80))
        self._answers = self._socket.makefile("rb")
        self._head = f"Host: {address.netloc}\r\nX-API-Key: {key}\r\n"

    def post(self, path: str, bodies: list[bytes]) -> Iterator[tuple[int, bytes]]:
        """The status and the body of each answer, in order."""
        for start in range(0, len(bodies), AT_ONCE):
            some = bodies[start : start + AT_ONCE]
            self._socket.sendall(b"".join(self._request(path, body) for body in some))
            for _ in some:
                yield self._answer()

    def close(self) -> None:
        self._answers.close()
        self._socket.close()

    def _request(self, path: str, body: bytes) -> bytes:
        typed = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return f"POST {path} HTTP/1.1\r\n{self._head}{typed}".encode() + body

    def _answer(self) -> tuple[int, bytes]:
        status, length = int(self._answers.readline().split()[1]), 0
        while (line := self._answers.readline().lower()) != b"\r\n":
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        return status, self._answers.read(length)


class Shop:
    """A hundred routes with random policies in production, and the three ways to ask."""

    def __init__(self, url: str, key: str, folder: Path) -> None:
        self.wire = Wire(url, key)
        self.client = Client(url, key, folder=folder)
        catalog = Catalog(self.client)
        bundles = [catalog.bundle(model, prompt) for model in range(1, 5) for prompt in range(1, 6)]
        self.values = {
            str(one.ref): bundle_value(self.client, one.ref) for one in bundles
        }  # each as REST gave it when it was asked for it alone
        self.chance = Chance(SEED, [one.ref for one in bundles])
        self.policies: dict[str, Document] = {}
        for number in range(ROUTES):
            route = f"team/route-{number}" if number % 2 else f"route-{number}"
            self.policies[route] = self.chance.policy()
            self.client.slots.deploy(
                f"{route}@production", policy=self.policies[route], reason="random", expected=0
            )
        for one in bundles[::5]:
            self.client.kills.bundle(one.ref, "random")
        for route in list(self.policies)[:3]:
            self.client.kills.slot(f"{route}@production", "random")

    def close(self) -> None:
        self.wire.close()
        self.client.close()

    def by_rest(self, context: bytes) -> list[Row]:
        bodies = [
            b'{"route":"%s","environment":"production","record":false,"context":%s}'
            % (route.encode(), context)
            for route in self.policies
        ]
        return [self._rest(*answer) for answer in self.wire.post("/api/v1/resolve", bodies)]

    def in_process(self, context: Document) -> list[Row]:
        return [self._local(route, context) for route in self.policies]

    def by_ofrep(self, context: bytes) -> list[Row]:
        ((status, content),) = self.wire.post(
            "/ofrep/v1/evaluate/flags", [b'{"context":%s}' % context]
        )
        assert status == 200, content
        flags = {flag["key"]: flag for flag in json.loads(content)["flags"]}
        assert set(flags) == set(self.policies)
        return [self._ofrep(flags[route]) for route in self.policies]

    def _rest(self, status: int, content: bytes) -> Row:
        said = json.loads(content)
        if status != 200:
            return {"error": said["type"].rpartition(":")[2]}
        assert said["inference_id"] is None
        del said["inference_id"], said["stale_seconds"], said["served_from"]
        said["bundle"] = self._known(said["bundle"])
        said["shadow"] = [self._known(run["bundle"]) for run in said["shadow"]]
        return said

    def _local(self, route: str, context: Document) -> Row:
        try:
            given: Resolved = self.client.resolve(route, context, record=False)
        except TwinlineError as error:
            return {"error": error.code}
        return {
            "bundle": str(given.bundle.ref),
            "arm": given.arm,
            "rule": given.rule,
            "reason": given.reason,
            "assigned": str(given.assigned) if given.assigned else None,
            "bucket": given.bucket,
            "unknown": list(given.unknown),
            "deployment": str(given.deployment),
            "slot": str(given.slot),
            "experiment": given.experiment,
            "shadow": [str(run.bundle.ref) for run in given.shadow],
            "manifest_version": given.manifest_version,
        }

    def _ofrep(self, flag: Row) -> Row:
        if "value" not in flag:
            return {name: flag[name] for name in ("reason", "errorCode") if name in flag}
        assert self._known(flag["value"]) == flag["metadata"]["bundle"]
        return {name: flag[name] for name in ("variant", "reason", "metadata")}

    def _known(self, bundle: Row) -> str:
        """The reference of a bundle, which must be given whole and as it is."""
        assert bundle == self.values[bundle["ref"]]
        return bundle["ref"]


@pytest.fixture
def shop(database: Database, tmp_path: Path) -> Iterator[Shop]:
    key = issue(database, Role.ADMIN)
    with served(make_app(database)) as url:
        made = Shop(url, key, tmp_path)
        yield made
        made.close()


@pytest.mark.slow
def test_rest_the_client_and_ofrep_agree_on_a_hundred_thousand_random_requests(shop: Shop) -> None:
    seen: Counter[str] = Counter()
    plain = 0
    for _ in range(CONTEXTS):
        context, body = shop.chance.context()
        plain += _is_plain(body)
        rest, local, ofrep = shop.by_rest(body), shop.in_process(context), shop.by_ofrep(body)
        _agree(shop, body, rest, local)
        _agree(shop, body, [_in_the_words_of_ofrep(row) for row in rest], ofrep)
        for row in rest:
            seen.update(_kinds(row))
    assert seen.total() >= ROUTES * CONTEXTS
    assert CONTEXTS / 2 < plain < CONTEXTS  # both ways into REST were taken
    expected = {*REASONS, Killed.code, NoActiveBundle.code, "unknown", "assigned", "shadow"}
    assert {kind for kind, count in seen.items() if count >= 1_000} == expected


def _is_plain(context: bytes) -> bool:
    """Whether the fast door takes it."""
    body = b'{"route":"r","environment":"e","context":%s}' % context
    wanted = codec.read(body)
    return wanted is not None and codec.canonical_context(body, wanted) is not None


def _agree(shop: Shop, context: bytes, one: list[Row], other: list[Row]) -> None:
    """Byte for byte; the failure shows the first route that is answered in two ways."""
    if _text(one) == _text(other):
        return
    for route, row, another in zip(shop.policies, one, other, strict=True):
        policy = json.dumps(shop.policies[route], indent=1, ensure_ascii=False)
        assert _text(row) == _text(another), f"{context.decode()}\n{policy}"


def _text(value: object) -> str:
    """In one form: members in order, numbers and texts as JSON writes them."""
    return json.dumps(value, sort_keys=True)


def _in_the_words_of_ofrep(row: Row) -> Row:
    if row.get("error") == Killed.code:
        return {"reason": "DISABLED"}
    if "error" in row:
        return {"errorCode": "GENERAL"}
    metadata = {
        "deployment": row["deployment"],
        "bundle": row["bundle"],
        "rule": row["rule"],
        "bucket": row["bucket"],
        "manifestVersion": row["manifest_version"],
        "assigned": row["assigned"],
        "unknown": ",".join(row["unknown"]) or None,
    }
    return {
        "variant": row["arm"] or row["rule"] or "default",
        "reason": REASONS[row["reason"]],
        "metadata": {name: value for name, value in metadata.items() if value is not None},
    }


def _kinds(row: Row) -> Iterator[str]:
    yield row.get("error") or row["reason"]
    yield from (name for name in ("unknown", "assigned", "shadow") if row.get(name))
