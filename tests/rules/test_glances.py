"""What anybody may ask for is read at most once in a while."""

from typing import cast

from twinline.db.glances import GLANCE_SECONDS, Glance
from twinline.db.session import Reading

NOWHERE = cast(Reading, None)


def test_a_glance_is_read_again_only_when_it_is_too_old() -> None:
    now = 0.0
    reads: list[float] = []
    glance = Glance(lambda _tx: reads.append(now) or len(reads), clock=lambda: now)
    assert [glance.at(NOWHERE) for _ in range(3)] == [1, 1, 1]
    now = GLANCE_SECONDS - 0.1
    assert glance.at(NOWHERE) == 1
    now = GLANCE_SECONDS
    assert [glance.at(NOWHERE) for _ in range(2)] == [2, 2]
