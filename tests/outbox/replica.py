"""A registry that is made from nothing but the changes that were told, to compare with the real
one. It believes nothing: a change whose old values are not what it has fails."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, text

KEYS = {
    "registered_model": ("name",),
    "registered_model_tag": ("name", "key"),
    "registered_model_alias": ("name", "alias"),
    "model_version": ("name", "version"),
    "model_version_tag": ("name", "version", "key"),
}
TABLES = {entity: f"{entity}s" for entity in KEYS} | {
    "registered_model_alias": "registered_model_aliases"
}

Rows = dict[tuple[Any, ...], dict[str, Any]]


class Replica:
    """What a registry holds, row by row."""

    def __init__(self) -> None:
        self.rows: Rows = {}

    def follow(self, change: Mapping[str, Any]) -> None:
        """Do what the change says was done."""
        entity, key, workspace = change["entity"], change["key"], change["workspace"]
        assert key.keys() == set(KEYS[entity])
        identity = _identity(entity, workspace, key)
        before, after = change["before"], change["after"]
        match change["action"]:
            case "insert":
                assert before is None
                assert identity not in self.rows, change
                self.rows[_identity(entity, workspace, after)] = after
            case "update":
                row = self.rows.pop(identity)
                assert before == {name: row[name] for name in before}, (change, row)
                assert before.keys() == after.keys()
                assert all(before[name] != after[name] for name in before), change
                self.rows[_identity(entity, workspace, row | after)] = row | after
            case "delete":
                assert after is None
                assert self.rows.pop(identity) == before, change
            case other:
                raise AssertionError(other)


def really(engine: Engine) -> Rows:
    """What the registry in a database holds."""
    rows: Rows = {}
    with engine.connect() as connection:
        for entity, table in TABLES.items():
            for found in connection.execute(text(f"select * from {table}")).mappings():
                row = dict(found)
                workspace = row.pop("workspace")
                rows[_identity(entity, workspace, row)] = row
    return rows


def _identity(entity: str, workspace: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (entity, workspace, *(row[column] for column in KEYS[entity]))
