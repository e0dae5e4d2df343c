"""How long one choice by a policy takes, beside flagd, GrowthBook and plain Python.

Run it as ``python tests/bench/routing.py``, with the extra ``bench`` installed. All sides
answer the same five rules, the last of them a split in three, for the same 200 contexts,
in turns of 200 calls. First each must choose the same bundle; within the split, whose
hash is each side's own, it must choose one of the arms.

``twinline`` is the client's ``resolve``, with the record on disk when it returns;
``evaluation`` is the choice alone, as it is for the peers, who record nothing. ``split``
are the contexts that pass all five rules on their way to the split, ``any`` all of them.

What favours the peers is left to them: their contexts are made beforehand, and GrowthBook
keeps one instance for all. ``flagd`` asks the provider itself, ``openfeature`` asks it
the way an application does. Every figure holds the 50 ns or so of reading the clock.
"""

import gc
import json
import random
import statistics
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from twinline import Client
from twinline.client.local.files import write_manifest
from twinline.language import signing
from twinline.routing.evaluation import Evaluator, compile_policy
from twinline.routing.manifest import Signed
from twinline.routing.policy import SCHEMA, read_policy

try:
    from growthbook import GrowthBook
    from openfeature import api
    from openfeature.contrib.provider.flagd import FlagdProvider
    from openfeature.contrib.provider.flagd.config import ResolverType
    from openfeature.evaluation_context import EvaluationContext
except ImportError as missing:
    print(f"{missing}; the peers are in an extra: pip install -e '.[bench]'", file=sys.stderr)
    sys.exit(2)

CONTEXTS = 200
ROUNDS = 100
WARM = 20
FLAG = "answer"
TENANTS = ["acme", "globex", "initech"]
WEIGHTS = {"control": 50, "candidate": 45, "probe": 5}
VARIANTS = ("pinned", "careful", "legacy", "premium", *WEIGHTS, "default")
BUNDLES = {name: f"bundles:/{str(digit) * 64}" for digit, name in enumerate(VARIANTS)}
NAMES = {bundle: name for name, bundle in BUNDLES.items()}

Context = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """One way to choose: the call that is timed, and the same call for its answer."""

    name: str
    call: Callable[[Any], object]
    choose: Callable[[Any], object]
    contexts: Sequence[Any]


def random_contexts() -> list[Context]:
    return [_random_context(random.Random(seed)) for seed in range(CONTEXTS)]


def _random_context(rng: random.Random) -> Context:
    context: Context = {
        "user": f"user-{rng.randrange(10**6)}",
        "tenant": rng.choice([*TENANTS, *(f"tenant-{number}" for number in range(12))]),
        "app": {
            "version": rng.choice(["1.9.3", "2.0.0-rc.1", "2.0.0", "2.4.1", "3.1.0", "10.0.0"])
        },
        "tier": rng.choice(["free", "silver", "gold"]),
        "region": rng.choice(["eu-west-1", "eu-north-1", "us-east-1", "ap-south-1"]),
    }
    if rng.random() < 0.9:
        context["dq"] = {"score": round(rng.uniform(0.5, 1), 3)}
    if rng.random() < 0.9:
        context["n"] = rng.randrange(30)
    return context


def twinline_policy() -> dict[str, Any]:
    def leaf(attr: str, op: str, value: Any = None) -> dict[str, Any]:
        return {"attr": attr, "op": op} | ({} if value is None else {"value": value})

    conditions: dict[str, Any] = {
        "pinned": leaf("tenant", "in", TENANTS),
        "careful": {"any": [leaf("dq.score", "lt", 0.6), leaf("dq.score", "absent")]},
        "legacy": leaf("app.version", "semver", "<2.0.0"),
        "premium": {"all": [leaf("tier", "eq", "gold"), leaf("n", "gt", 10)]},
    }
    rules: list[dict[str, Any]] = [
        {"id": name, "when": when, "serve": {"bundle": BUNDLES[name]}}
        for name, when in conditions.items()
    ]
    split = {"salt": FLAG, "arms": _arms()}
    rules.append({"id": "eu", "when": leaf("region", "prefix", "eu"), "serve": {"split": split}})
    return {
        "schema": SCHEMA,
        "unit": {"by": ["user"]},
        "rules": rules,
        "default": {"bundle": BUNDLES["default"]},
    }


def _arms() -> list[dict[str, Any]]:
    arms: list[dict[str, Any]] = []
    start = 0
    for name, weight in WEIGHTS.items():
        end = start + weight * 1000
        arms.append({"name": name, "bundle": BUNDLES[name], "ranges": [[start, end]]})
        start = end
    return arms


def flagd_flags() -> dict[str, Any]:
    def var(name: str) -> dict[str, str]:
        return {"var": name}

    score = var("dq.score")
    targeting = {
        "if": [
            {"in": [var("tenant"), TENANTS]},
            "pinned",
            {"or": [{"==": [score, None]}, {"<": [score, 0.6]}]},
            "careful",
            {"sem_ver": [var("app.version"), "<", "2.0.0"]},
            "legacy",
            {"and": [{"==": [var("tier"), "gold"]}, {">": [var("n"), 10]}]},
            "premium",
            {"starts_with": [var("region"), "eu"]},
            {"fractional": [[name, weight] for name, weight in WEIGHTS.items()]},
        ]
    }
    flag = {"state": "ENABLED", "variants": BUNDLES, "defaultVariant": "default"}
    return {"flags": {FLAG: flag | {"targeting": targeting}}}


def growthbook_features() -> dict[str, Any]:
    conditions: dict[str, Any] = {
        "pinned": {"tenant": {"$in": TENANTS}},
        "careful": {"$or": [{"dq.score": {"$lt": 0.6}}, {"dq.score": {"$exists": False}}]},
        "legacy": {"app.version": {"$vlt": "2.0.0"}},
        "premium": {"tier": "gold", "n": {"$gt": 10}},
    }
    split = {
        "condition": {"region": {"$regex": "^eu"}},
        "key": FLAG,
        "hashAttribute": "user",
        "hashVersion": 2,
        "variations": [BUNDLES[name] for name in WEIGHTS],
        "weights": [weight / 100 for weight in WEIGHTS.values()],
    }
    forced = [{"condition": when, "force": BUNDLES[name]} for name, when in conditions.items()]
    return {FLAG: {"defaultValue": BUNDLES["default"], "rules": [*forced, split]}}


def evaluator() -> Evaluator[str]:
    return compile_policy(read_policy(twinline_policy()), lambda choice: str(choice.bundle))


def twinline_client(folder: Path) -> Client:
    """A client that resolves from a manifest of its own, for a server that is away."""
    digests = {name: bundle.removeprefix("bundles:/") for name, bundle in BUNDLES.items()}
    served = {
        "model": {"ref": "models:/m/1", "uri": "x:/m", "pinned": True, "parameters": {}},
        "prompt": {
            "ref": "prompts:/p/1",
            "kind": "text",
            "template": "{{ question }}",
            "variables": [],
            "parameters": {},
        },
    }
    manifest = {
        "schema": "manifest/1",
        "environment": "production",
        "epoch": str(UUID(int=0)),
        "version": 1,
        "made_at": "2026-01-01T00:00:00Z",
        "killed": None,
        "slots": {FLAG: {"deployment": 1, "policy": twinline_policy(), "killed": None}},
        "bundles": {
            digest: {"state": "active", "served": {"ref": BUNDLES[name], **served}}
            for name, digest in digests.items()
        },
    }
    content, private = json.dumps(manifest).encode(), signing.new_private_key()
    signed = Signed(content, signing.sign(private, content))
    write_manifest(folder / "manifest", signed, signing.public_key(private))
    return Client(
        "http://127.0.0.1:9", folder=folder / "kept", bootstrap=folder / "manifest",
        spool_bytes_max=1 << 30,
    )  # fmt: skip


def twinline_side(client: Client) -> Callable[[Context], object]:
    """What is timed as ``twinline``."""
    resolve = client.resolve
    return lambda context: resolve(FLAG, context)


def evaluation_side() -> Callable[[Context], object]:
    """What is timed as ``evaluation``."""
    evaluate = evaluator()
    return lambda context: evaluate(context, int(time.time()))


def twinline_choice(client: Client) -> Callable[[Context], str]:
    """The bundle that ``twinline`` chooses, for the check."""
    return lambda context: str(client.resolve(FLAG, context, record=False).bundle.ref)


def evaluation_choice() -> Callable[[Context], str]:
    """The bundle that ``evaluation`` chooses, for the check."""
    evaluate = evaluator()
    return lambda context: evaluate(context, 0).made


def flagd_sides(folder: Path) -> tuple[Callable[[Any], object], Callable[[Any], object]]:
    """The provider's own resolution, and the OpenFeature client's through it."""
    source = folder / "flags.json"
    source.write_text(json.dumps(flagd_flags()))
    provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(source))
    api.set_provider_and_wait(provider)
    client = api.get_client()

    def bare(context: EvaluationContext) -> str:
        return provider.resolve_string_details(FLAG, "", context).value

    def whole(context: EvaluationContext) -> str:
        return client.get_string_value(FLAG, "", context)

    return bare, whole


def growthbook_side() -> Callable[[Context], object]:
    growthbook = GrowthBook(features=growthbook_features())

    def call(context: Context) -> str:
        growthbook.set_attributes(context)
        return growthbook.get_feature_value(FLAG, "")

    return call


def plain(context: Context) -> str:
    """The policy written out by hand: what no general evaluator can go below."""
    if context["tenant"] in TENANTS:
        return BUNDLES["pinned"]
    dq = context.get("dq")
    if dq is None or dq["score"] < 0.6:
        return BUNDLES["careful"]
    version = context["app"]["version"]
    if int(version.split(".", 1)[0]) < 2 or version.startswith("2.0.0-"):
        return BUNDLES["legacy"]
    if context["tier"] == "gold" and context.get("n", 0) > 10:
        return BUNDLES["premium"]
    if context["region"].startswith("eu"):
        bucket = zlib.crc32(context["user"].encode()) % 100
        return BUNDLES["control" if bucket < 50 else "candidate" if bucket < 95 else "probe"]
    return BUNDLES["default"]


def all_sides(folder: Path, client: Client, contexts: list[Context]) -> list[Side]:
    bare, whole = flagd_sides(folder)
    growthbook = growthbook_side()
    openfeature = [EvaluationContext(context["user"], context) for context in contexts]
    return [
        Side("plain", plain, plain, contexts),
        Side("evaluation", evaluation_side(), evaluation_choice(), contexts),
        Side("twinline", twinline_side(client), twinline_choice(client), contexts),
        Side("flagd", bare, bare, openfeature),
        Side("openfeature", whole, whole, openfeature),
        Side("growthbook", growthbook, growthbook, contexts),
    ]


def check(sides: list[Side]) -> None:
    """Print what is chosen, and leave when the sides differ in it."""
    chosen = {side.name: [_outcome(side.choose(one)) for one in side.contexts] for side in sides}
    expected = chosen["plain"]
    for name, outcomes in chosen.items():
        differing = [at for at, one in enumerate(outcomes) if one != expected[at]]
        if differing:
            first = differing[0]
            sys.exit(f"{name} chooses {outcomes[first]}, not {expected[first]}, in context {first}")
    counts = ", ".join(f"{name} {count}" for name, count in Counter(expected).most_common())
    print(f"{len(expected)} contexts, chosen alike by all: {counts}")


def _outcome(bundle: object) -> str:
    name = NAMES.get(str(bundle), f"{bundle!r}")
    return "split" if name in WEIGHTS else name


def block(side: Side) -> list[int]:
    """Nanoseconds of a call for each context, with no garbage or cold start by the turn."""
    gc.collect()
    call, clock = side.call, time.perf_counter_ns
    for context in side.contexts[:WARM]:
        call(context)
    taken: list[int] = []
    for context in side.contexts:
        begun = clock()
        call(context)
        taken.append(clock() - begun)
    return taken


def measure(sides: list[Side]) -> dict[str, list[int]]:
    for side in sides:
        block(side)
    gc.freeze()
    taken: dict[str, list[int]] = {side.name: [] for side in sides}
    for round in range(ROUNDS):
        turn = round % len(sides)
        for side in sides[turn:] + sides[:turn]:
            taken[side.name] += block(side)
    return taken


def report(taken: dict[str, list[int]]) -> None:
    cuts = {name: statistics.quantiles(times, n=100) for name, times in taken.items()}
    calls = len(taken["plain"])
    print(f"microseconds per call, of {calls:,} calls each   p50      p99")
    for name, cut in cuts.items():
        print(f"{name:44} {cut[49] / 1000:8.2f} {cut[98] / 1000:8.2f}")
    ours = cuts["twinline"]
    for name in ("flagd", "openfeature", "growthbook"):
        ratio = f"{name} / twinline"
        print(f"{ratio:44} {cuts[name][49] / ours[49]:6.2f} x {cuts[name][98] / ours[98]:6.2f} x")
    print(f"{'twinline / plain':44} {ours[49] / cuts['plain'][49]:6.2f} x")


def main() -> None:
    mixed = random_contexts()
    through = [context for context in mixed if _outcome(plain(context)) == "split"]
    repeated = [through[number % len(through)] for number in range(CONTEXTS)]
    with tempfile.TemporaryDirectory() as name, twinline_client(Path(name)) as client:
        client.start()
        for title, contexts in (("split", repeated), ("any", mixed)):
            print(f"--- {title}")
            sides = all_sides(Path(name), client, contexts)
            check(sides)
            report(measure(sides))
        api.shutdown()


if __name__ == "__main__":
    main()
