"""What the catalog calls what MLflow calls otherwise, and what makes a version there this one."""

from typing import Any

import pytest

from twinline.language.errors import Invalid
from twinline.language.figures import Figure, Sample, render
from twinline.language.records import MirrorKind, MirrorPlace, MirrorStatus
from twinline.mirror import answers, content, gauges, rules
from twinline.mirror.naming import DEFAULT, Place, catalog_name, recreated
from twinline.mirror.signatures import AGE_SECONDS_MAX, Headers, refusal, sign

HERE = Place(DEFAULT, DEFAULT)


@pytest.mark.parametrize(
    ("place", "kind", "name", "expected"),
    [
        (HERE, "model", "churn", "churn"),
        (Place("eu", DEFAULT), "model", "churn", "eu/churn"),
        (Place("eu", "risk"), "model", "churn", "eu/risk/churn"),
        (Place(DEFAULT, "risk"), "model", "churn", "default/risk/churn"),
        (HERE, "prompt", "answer", "mlflow/answer"),
        (Place("eu", "risk"), "prompt", "answer", "mlflow/eu/risk/answer"),
        (HERE, "prompt", "2024", "mlflow/prompt-2024"),
        (HERE, "prompt", "latest", "mlflow/prompt-latest"),
        (HERE, "prompt", "_x", "mlflow/prompt-_x"),
    ],
)
def test_a_place_stands_before_the_name_unless_it_is_the_default(
    place: Place, kind: MirrorKind, name: str, expected: str
) -> None:
    assert catalog_name(place, kind, name) == expected


def test_what_was_made_again_is_counted_from_two() -> None:
    assert [recreated("churn", times) for times in (0, 1, 2)] == [
        "churn",
        "churn/recreated-2",
        "churn/recreated-3",
    ]


def version(**members: Any) -> answers.Version:
    tags = [{"key": key, "value": value} for key, value in members.pop("tags", {}).items()]
    given = {"name": "n", "version": "1", "source": "s", "creation_timestamp": 5, "tags": tags}
    return answers.Version.model_validate(given | members)


TEXT = {answers.PROMPT_TEXT: "hello"}


@pytest.mark.parametrize(
    ("kind", "one", "other", "same_identity", "same_fingerprint"),
    [
        pytest.param("model", {}, {"source": "t"}, False, False, id="a model's source"),
        pytest.param("model", {}, {"run_id": "r"}, False, False, id="a model's run"),
        pytest.param("model", {}, {"tags": {"a": "b"}}, True, False, id="a model's tag"),
        pytest.param("model", {}, {"creation_timestamp": 6}, True, False, id="its time"),
        pytest.param("model", {}, {"description": "x"}, True, True, id="a description"),
        pytest.param("prompt", {}, {"source": "t"}, True, True, id="a prompt's source"),
        pytest.param("prompt", {}, {"tags": TEXT}, False, False, id="a prompt's text"),
        pytest.param("prompt", {}, {"tags": {"a": "b"}}, True, False, id="a prompt's tag"),
    ],
)
def test_what_makes_a_version_this_one_and_what_is_taken_over_from_it(
    kind: MirrorKind, one: dict, other: dict, same_identity: bool, same_fingerprint: bool
) -> None:
    first, second = version(**one), version(**other)
    identities = content.identity(kind, first), content.identity(kind, second)
    fingerprints = content.fingerprint(kind, first), content.fingerprint(kind, second)
    assert (identities[0] == identities[1]) is same_identity
    assert (fingerprints[0] == fingerprints[1]) is same_fingerprint


def test_a_prompt_without_a_text_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="MLflow prompt version 'n' 1"):
        content.prompt("mlflow/n", version())


def test_what_is_known_becomes_what_is_seen() -> None:
    found = rules.changes({"gone": "1", "same": "2", "other": "3"}, {"same": "2", "other": "4"})
    assert (found.left, found.begun) == (("gone", "other"), {"other": "4"})
    assert rules.changes({}, {"new": 1}).begun == {"new": 1}


def test_what_is_not_known_has_no_sample() -> None:
    place = MirrorPlace.model_validate(
        {
            "server": 'e"u', "workspace": "w", "known_since": "2026-01-01T00:00:00Z", "series": 1,
            "versions": 2, "stuck": 0, "waiting": 3, "drift": 4, "sweeping": None, "swept_names": 0,
            "synced_at": None, "swept_at": None, "fully_swept_at": None, "behind_seconds": None,
            "trouble": None, "trouble_since": None,
        }
    )  # fmt: skip
    status = MirrorStatus(places=(place,), stuck=(), inbox=5, refused={"forged": 6})
    lines = render(gauges.figures(status)).splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'twinline_mirror_waiting_names{server="e\\"u",workspace="w"} 3',
        'twinline_mirror_drift_total{server="e\\"u",workspace="w"} 4',
        "twinline_mirror_inbox 5",
        'twinline_mirror_refused_total{reason="forged"} 6',
    ]
    assert render([Figure("f", "gauge", "h", (Sample({}, 0.5),))]) == (
        "# HELP f h\n# TYPE f gauge\nf 0.5\n"
    )


@pytest.mark.parametrize(
    ("age", "why"),
    [
        (AGE_SECONDS_MAX, None),
        (-AGE_SECONDS_MAX, None),
        (AGE_SECONDS_MAX + 1, "stale"),
        (-AGE_SECONDS_MAX - 1, "stale"),
    ],
)
def test_a_delivery_is_believed_up_to_its_age_and_not_a_second_beyond(
    age: int, why: str | None
) -> None:
    headers = Headers("id", "1000000", sign("id", "1000000", b"{}", "secret"))
    assert refusal(headers, b"{}", "secret", 1_000_000 + age) == why
