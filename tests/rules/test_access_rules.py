"""Who may do what; what a key looks like; and that the audit log shows any change."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twinline.access.rules import (
    GENESIS,
    GRANTED,
    KEY_PREFIX,
    PUBLIC_LENGTH,
    ChainEnd,
    Permission,
    chained,
    event_hash,
    first_break,
    format_key,
    hash_key,
    looks_like_key,
    may,
    usable,
)
from twinline.language.records import ApiKey, AuditEvent, Role

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

# --- roles ------------------------------------------------------------------------------

MATRIX = """
                   viewer author releaser service runner auditor mlflow admin
read                 x      x       x        x       x      x       .      x
resolve              .      .       .        x       .      .       .      x
inferences:write     .      .       .        x       .      .       .      x
prompts:write        .      x       .        .       .      .       .      x
labels:write         .      x       x        .       .      .       .      x
labels:protected     .      .       x        .       .      .       .      x
models:write         .      x       .        .       .      .       .      x
bundles:write        .      x       x        .       .      .       .      x
evaluations:write    .      x       .        .       .      .       .      x
evaluations:run      .      x       .        .       x      .       .      x
suites:write         .      .       .        .       .      .       .      x
lineage:write        .      x       .        .       .      .       .      x
mlflow:report        .      .       .        .       .      .       x      x
mlflow:write         .      .       .        .       .      .       .      x
deployments:write    .      .       x        .       .      .       .      x
kills:write          .      .       x        .       .      .       .      x
audit:read           .      .       .        .       .      x       .      x
keys:write           .      .       .        .       .      .       .      x
"""


def _cells() -> list[tuple[str, str, bool]]:
    heading, *lines = (line.split() for line in MATRIX.strip().splitlines())
    return [
        (role, permission, mark == "x")
        for permission, *marks in lines
        for role, mark in zip(heading, marks, strict=True)
    ]


@pytest.mark.parametrize(("role", "permission", "granted"), _cells())
def test_who_may_do_what(role: str, permission: str, granted: bool) -> None:
    assert may(Role(role), Permission(permission)) is granted


def test_the_matrix_has_every_role_and_every_permission() -> None:
    assert {(role, permission) for role, permission, _ in _cells()} == {
        (role.value, permission.value) for role in Role for permission in Permission
    }
    assert set(GRANTED) == set(Role)


# --- keys -------------------------------------------------------------------------------

SECRET = "Zt9-_" + "a" * 38
URL_SAFE = "ABCXYZabcxyz0129-_"
secrets = st.text(URL_SAFE, min_size=43, max_size=43)


def test_the_form_of_a_key_never_changes() -> None:
    """Keys are in use: another form would lock everybody out."""
    assert format_key(SECRET) == f"twl_{SECRET}28bbcfcd"
    assert (KEY_PREFIX, PUBLIC_LENGTH) == ("twl_", 12)
    assert hash_key("twl_x") == sha256(b"twl_x").hexdigest()


@given(st.text(URL_SAFE, min_size=1))
def test_a_key_looks_like_one(secret: str) -> None:
    key = format_key(secret)
    assert looks_like_key(key)
    assert key.startswith(KEY_PREFIX + secret)


@given(secrets, st.data())
def test_one_wrong_character_is_noticed(secret: str, data: st.DataObject) -> None:
    key = format_key(secret)
    at = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.sampled_from(URL_SAFE))
    assume(key[at] != other)
    assert not looks_like_key(key[:at] + other + key[at + 1 :])


@given(secrets, st.data())
def test_two_exchanged_characters_of_the_secret_are_noticed(
    secret: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(secret) - 2))
    assume(secret[at] != secret[at + 1])
    exchanged = secret[:at] + secret[at + 1] + secret[at] + secret[at + 2 :]
    assert not looks_like_key(format_key(secret).replace(secret, exchanged))


@given(secrets, st.integers(1, 51))
def test_a_key_cut_short_is_noticed(secret: str, missing: int) -> None:
    key = format_key(secret)[:-missing]
    assert not looks_like_key(key)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param("twl_", id="prefix-alone"),
        pytest.param("twl_00000000", id="checksum-of-nothing"),
        pytest.param("twl_28bbcfcd", id="checksum-alone"),
        pytest.param(format_key(SECRET).removeprefix("twl_"), id="without-prefix"),
        pytest.param("TWL_" + format_key(SECRET).removeprefix("twl_"), id="prefix-in-capitals"),
        pytest.param(format_key(SECRET) + " ", id="space-after"),
        pytest.param("twl_é" + "0" * 8, id="not-ascii"),
        pytest.param("sk-" + "a" * 40, id="somebody-else-s-key"),
    ],
)
def test_what_is_no_key_does_not_look_like_one(key: str) -> None:
    assert not looks_like_key(key)


@given(st.text())
def test_any_text_is_judged_without_an_error(key: str) -> None:
    assert looks_like_key(key) in (True, False)


@given(secrets, secrets)
def test_what_is_stored_is_not_the_key_and_differs_by_key(one: str, other: str) -> None:
    assert one not in hash_key(format_key(one))
    assert (hash_key(one) == hash_key(other)) == (one == other)


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "good"),
    [
        pytest.param(None, None, True, id="without-an-end"),
        pytest.param(NOW + SECOND, None, True, id="before-its-end"),
        pytest.param(NOW, None, False, id="at-its-end"),
        pytest.param(NOW - SECOND, None, False, id="after-its-end"),
        pytest.param(None, NOW - SECOND, False, id="revoked"),
        pytest.param(NOW + SECOND, NOW, False, id="revoked-before-its-end"),
    ],
)
def test_a_key_is_good_until_it_expires_or_is_revoked(
    expires_at: datetime | None, revoked_at: datetime | None, good: bool
) -> None:
    key = ApiKey(
        prefix="twl_abcdefgh", owner="ana", role=Role.VIEWER, created_at=NOW, created_by="admin",
        expires_at=expires_at, revoked_at=revoked_at,
    )  # fmt: skip
    assert usable(key, NOW) is good


# --- the chain --------------------------------------------------------------------------


def _event(seq: int, previous_hash: str) -> AuditEvent:
    event = AuditEvent(
        seq=seq, at=NOW + seq * SECOND, actor="ana", action="deployment.deploy",
        subject=f"deployments:/answer@production/{seq}", why="better answers",
        before={"number": seq - 1}, after={"number": seq, "share": 0.5},
        previous_hash=previous_hash, hash="",
    )  # fmt: skip
    return event.model_copy(update={"hash": event_hash(event.model_dump(mode="json"))})


def chain_of(length: int) -> list[AuditEvent]:
    chain: list[AuditEvent] = []
    for seq in range(1, length + 1):
        chain.append(_event(seq, chain[-1].hash if chain else GENESIS))
    return chain


CHAIN = chain_of(5)
TAMPERED = {
    "seq": 7,
    "at": NOW,
    "actor": "mallory",
    "action": "deployment.rollback",
    "subject": "deployments:/answer@dev/3",
    "why": "other reasons",
    "before": None,
    "after": {"number": 3, "share": 0.6},
    "previous_hash": "f" * 64,
    "hash": "f" * 64,
}


def test_an_untouched_chain_is_whole() -> None:
    assert first_break(CHAIN) is None
    assert first_break([]) is None
    assert CHAIN[0].previous_hash == "0" * 64


def test_every_field_is_tampered_with() -> None:
    assert set(TAMPERED) == set(AuditEvent.model_fields)


@pytest.mark.parametrize("field", TAMPERED)
def test_an_event_changed_in_one_field_is_found(field: str) -> None:
    changed = CHAIN[2].model_copy(update={field: TAMPERED[field]})
    assert first_break([*CHAIN[:2], changed, *CHAIN[3:]]) == 3


@pytest.mark.parametrize("field", sorted(set(TAMPERED) - {"seq", "hash", "previous_hash"}))
def test_an_event_changed_and_hashed_anew_is_found_at_the_next(field: str) -> None:
    changed = CHAIN[2].model_copy(update={field: TAMPERED[field]})
    changed = changed.model_copy(update={"hash": event_hash(changed.model_dump(mode="json"))})
    assert first_break([*CHAIN[:2], changed, *CHAIN[3:]]) == 4


@pytest.mark.parametrize(
    ("chain", "broken_at"),
    [
        pytest.param([*CHAIN[:2], *CHAIN[3:]], 3, id="deleted-in-the-middle"),
        pytest.param(CHAIN[1:], 1, id="deleted-at-the-beginning"),
        pytest.param([CHAIN[0], CHAIN[2], CHAIN[1], *CHAIN[3:]], 2, id="reordered"),
        pytest.param([*CHAIN[:2], CHAIN[1], *CHAIN[2:]], 3, id="repeated"),
        pytest.param([*CHAIN, _event(6, "f" * 64)], 6, id="appended-without-the-chain"),
        pytest.param([*CHAIN[:2], _event(3, GENESIS), *CHAIN[3:]], 3, id="replaced"),
    ],
)
def test_a_chain_that_was_changed_is_found_at(chain: list[AuditEvent], broken_at: int) -> None:
    assert first_break(chain) == broken_at


def test_what_is_appended_together_chains_as_if_one_by_one() -> None:
    said = [event.model_dump(include={"actor", "action", "subject", "why", "before", "after"})
            for event in CHAIN]  # fmt: skip
    end = ChainEnd(0, GENESIS, NOW + SECOND)
    together = chained(said, after=end)
    assert together[0] == CHAIN[0]
    one_by_one: list[AuditEvent] = []
    for event in said:
        one_by_one += chained([event], after=end)
        end = ChainEnd(one_by_one[-1].seq, one_by_one[-1].hash, end.at)
    assert together == one_by_one
    assert first_break(together) is None


def test_a_chain_cut_off_at_its_end_still_fits() -> None:
    """A hash chain cannot show this; who needs to know keeps the last hash elsewhere."""
    assert first_break(CHAIN[:-1]) is None


def test_an_event_that_postgresql_gives_back_still_fits() -> None:
    """JSONB keeps a float of 1.7e18 (a metric in nanoseconds, say) as an integer."""
    event = _event(1, GENESIS).model_copy(update={"after": {"ns": 1.7e18}})
    event = event.model_copy(update={"hash": event_hash(event.model_dump(mode="json"))})
    assert first_break([event.model_copy(update={"after": {"ns": 17 * 10**17}})]) is None


@given(st.integers(1, 8), st.data())
def test_whatever_single_event_is_missing_it_is_found(length: int, data: st.DataObject) -> None:
    chain = chain_of(length)
    missing = data.draw(st.integers(1, length))
    found = first_break(event for event in chain if event.seq != missing)
    assert found == (missing if missing < length else None)


def test_the_hash_does_not_depend_on_itself_nor_on_the_order_of_members() -> None:
    event = CHAIN[0].model_dump(mode="json")
    assert event_hash(dict(reversed(event.items()))) == CHAIN[0].hash
    assert event_hash(event | {"hash": "other"}) == CHAIN[0].hash
