"""Find prompts, in SQL.

What is searched is in ``prompt_search``, which the database keeps by triggers: words by
PostgreSQL's full text search without a language, parts of words and misspelt names by
trigrams.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Integer, case, cast, exists, func, select

from twinline.db.schema import prompt, prompt_label, prompt_search, prompt_version
from twinline.db.session import Reading
from twinline.prompts import inclusion_store
from twinline.prompts.rules import Wanted, may_be_parts
from twinline.prompts.store import all_retired

_EXACT, _IN_NAME, _IN_WORDS, _LIKE_NAME, _RANK = 2000, 300, 100, 500, 500


def ids_by_rank(
    tx: Reading, wanted: Wanted, *, after: tuple[int, str] | None, limit: int
) -> list[tuple[int, int, str]]:
    """Id, score and name of the prompts that are found, the best first.

    Args:
        tx: the transaction.
        wanted: what is searched, and what else they must be.
        after: score and name of the last one of the page before.
        limit: how many at most.
    """
    score = _score(wanted.search).label("score")
    found = (
        select(prompt.c.id, prompt.c.name, score)
        .join(prompt_search, prompt_search.c.prompt_id == prompt.c.id)
        .where(_matches(wanted.search), *_narrowing(tx, wanted))
        .subquery("found")
    )
    query = select(found.c.id, found.c.score, found.c.name)
    if after is not None:
        worse = found.c.score < after[0]
        query = query.where(worse | ((found.c.score == after[0]) & (found.c.name > after[1])))
    rows = tx.rows(query.order_by(found.c.score.desc(), found.c.name).limit(limit))
    return [(row["id"], row["score"], row["name"]) for row in rows]


def ids_by_name(
    tx: Reading, wanted: Wanted, *, after: str | None, limit: int
) -> list[tuple[int, str]]:
    """Id and name of prompts, by name."""
    query = select(prompt.c.id, prompt.c.name).where(*_narrowing(tx, wanted))
    if after is not None:
        query = query.where(prompt.c.name > after)
    rows = tx.rows(query.order_by(prompt.c.name).limit(limit))
    return [(row["id"], row["name"]) for row in rows]


def _matches(search: str) -> ColumnElement[bool]:
    whole_words = prompt_search.c.document.bool_op("@@")(_words(search))
    if not may_be_parts(search):
        return whole_words
    return (
        whole_words
        | prompt_search.c.name.icontains(search, autoescape=True)
        | prompt_search.c.words.icontains(search, autoescape=True)
        | prompt_search.c.name.bool_op("%>")(search)
    )


def _score(search: str) -> ColumnElement[int]:
    """Whole numbers, so that a cursor can say one."""
    name = prompt_search.c.name
    return cast(
        case((func.lower(name) == search.lower(), _EXACT), else_=0)
        + case((name.icontains(search, autoescape=True), _IN_NAME), else_=0)
        + case((prompt_search.c.words.icontains(search, autoescape=True), _IN_WORDS), else_=0)
        + _LIKE_NAME * func.word_similarity(search, name)
        + _RANK * func.ts_rank(prompt_search.c.document, _words(search)),
        Integer,
    )


def _words(search: str) -> ColumnElement[Any]:
    return func.websearch_to_tsquery("simple", search)


def _narrowing(tx: Reading, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.label is not None:
        of_it = prompt_label.c.prompt_id == prompt.c.id
        yield exists().where(of_it, prompt_label.c.label == wanted.label)
    if wanted.author is not None:
        of_it = prompt_version.c.prompt_id == prompt.c.id
        yield exists().where(of_it, prompt_version.c.author == wanted.author)
    if wanted.domain is not None:
        yield prompt.c.name.startswith(f"{wanted.domain}/", autoescape=True)
    if wanted.includes is not None:
        yield prompt.c.name.in_(inclusion_store.includers_in_use(tx, wanted.includes))
    if not wanted.retired:
        yield ~all_retired
    for tag in wanted.tags:
        name, given, value = tag.partition("=")
        yield prompt.c.tags.has_key(name)
        if given:
            yield prompt.c.tags[name].astext == value
