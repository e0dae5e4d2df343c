"""A record has a field for each column of its table, and each may be none where it may be null."""

from types import NoneType
from typing import NamedTuple, get_args

import pytest
from pydantic import BaseModel
from sqlalchemy import Table

from twinline.db import schema
from twinline.language import records


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
