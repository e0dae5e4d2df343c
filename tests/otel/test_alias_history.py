"""What it costs to know where an alias was."""

from sqlalchemy import text

from tests.support.rehearsal import Rehearsal
from twinline.db.session import Reading
from twinline.language.records import NewModelVersion
from twinline.models import actions as models

OTHERS = """
insert into audit_event (seq, at, actor, action, subject, why, previous_hash, hash)
select 1000000 + n, clock_timestamp(), 'test',
  case n % 2 when 0 then 'model.update' else 'bundle.deploy' end,
  'models:/other-' || n % 500 || '/1', '', '', 'hash ' || n
from generate_series(1, 20000) n
"""
READ = """
select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
from pg_stat_xact_user_tables where relname = 'audit_event'
"""


def test_the_history_of_an_alias_reads_no_events_of_other_models(rehearsal: Rehearsal) -> None:
    new = NewModelVersion(name="m", source_uri="x:/1", number=1, aliases=("champion",))
    with rehearsal.writing("test") as tx:
        models.register(tx, new)
    with rehearsal.writing("test") as tx:
        tx.run(text(OTHERS))
        tx.run(text("analyze audit_event"))
        before = _events_read(tx)
        moves = models.alias_history(tx, "m", "champion")
        assert [number for _, number in moves] == [1]
        assert _events_read(tx) - before < 100


def _events_read(tx: Reading) -> int:
    return tx.value(text(READ))
