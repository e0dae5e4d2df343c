"""Values for the property tests: every strategy yields only what our words allow."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import strategies as st

from twinline.language import refs
from twinline.language.names import RESERVED
from twinline.language.records import Measured

ALNUM = "ABCXYZabcxyz0129"
HEX = "0123456789abcdef"
NUMBER_MAX = 999_999_999

_unlike_control = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/")


def _word(first: str, rest: str, max_size: int) -> st.SearchStrategy[str]:
    more = st.text(rest, max_size=max_size - 1)
    return st.builds(str.__add__, st.sampled_from(first), more)


def _ends_like_a_url(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last in RESERVED or last.isdigit()


def folders(segment: st.SearchStrategy[str], max_size: int = 4) -> st.SearchStrategy[str]:
    """Segments joined by slashes."""
    return st.lists(segment, min_size=1, max_size=max_size).map("/".join)


def prompt_names() -> st.SearchStrategy[str]:
    """Names of prompts and routes, in folders or not."""
    segment = _word(ALNUM, ALNUM + "._-", 12) | st.sampled_from(sorted(RESERVED))
    return folders(segment).filter(lambda name: not _ends_like_a_url(name))


def model_names() -> st.SearchStrategy[str]:
    """Names as registries give them: spaces, ``@``, ``:``, digits and emoji included."""
    odd = st.sampled_from(["7", "a@b", "gpt-4o:2024", "@", "v 1", "...", "模型", "🙂"])
    segment = odd | st.text(_unlike_control, min_size=1, max_size=12)
    return folders(segment.filter(lambda word: word not in (".", "..", "versions")))


def labels() -> st.SearchStrategy[str]:
    """Labels and aliases; never only digits."""
    rest = ALNUM + "._-"
    return _word("ABCxyz", rest, 12) | _word("0129", "0129", 3).map(lambda word: f"{word}a")


def environments() -> st.SearchStrategy[str]:
    """Lower-case words."""
    return _word("abcxyz0129", "abcxyz0129_-", 12)


def numbers() -> st.SearchStrategy[int]:
    """Version numbers that a reference can hold."""
    return st.integers(1, NUMBER_MAX)


def digests() -> st.SearchStrategy[str]:
    """SHA-256 in hexadecimal."""
    return st.text(HEX, min_size=64, max_size=64)


def free_text() -> st.SearchStrategy[str]:
    """Text of the caller's own, slashes included."""
    alphabet = st.characters(exclude_categories=("Cc", "Cs"))
    return st.text(alphabet, min_size=1, max_size=30)


def instants() -> st.SearchStrategy[datetime]:
    """Moments with a time zone, from 1970 on."""
    return st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))


def uuid7s() -> st.SearchStrategy[UUID]:
    """Every UUIDv7 there can be, far beyond our time."""
    fixed = (0x7 << 76) | (0b10 << 62)
    free = ~((0xF << 76) | (0b11 << 62)) & ((1 << 128) - 1)
    return st.integers(0, (1 << 128) - 1).map(lambda bits: UUID(int=bits & free | fixed))


def slots() -> st.SearchStrategy[refs.SlotRef]:
    """Routes in environments."""
    return st.builds(refs.SlotRef, prompt_names(), environments())


def bundles() -> st.SearchStrategy[refs.BundleRef]:
    """Bundles by their whole digest."""
    return st.builds(refs.BundleRef, digests())


REFS: dict[type[refs.Ref], st.SearchStrategy[refs.Ref]] = {
    refs.PromptVersionRef: st.builds(refs.PromptVersionRef, prompt_names(), numbers()),
    refs.PromptLabelRef: st.builds(refs.PromptLabelRef, prompt_names(), labels()),
    refs.ModelVersionRef: st.builds(refs.ModelVersionRef, model_names(), numbers()),
    refs.ModelAliasRef: st.builds(refs.ModelAliasRef, model_names(), labels()),
    refs.RunRef: st.builds(refs.RunRef, free_text().filter(lambda text: "/" not in text)),
    refs.DatasetRef: st.builds(
        refs.DatasetRef, model_names(), free_text().filter(lambda text: "/" not in text)
    ),
    refs.BundleRef: st.builds(refs.BundleRef, st.text(HEX, min_size=12, max_size=64)),
    refs.SlotRef: slots(),
    refs.DeploymentRef: st.builds(refs.DeploymentRef, slots(), numbers()),
    refs.EvaluationRef: st.builds(refs.EvaluationRef, numbers()),
    refs.CustomRef: st.builds(refs.CustomRef, labels(), model_names()),
    refs.InferenceRef: st.builds(refs.InferenceRef, st.uuids() | uuid7s()),
    refs.DecisionRef: st.builds(refs.DecisionRef, free_text()),
}
"""Each kind of reference with a strategy for it."""


def any_text() -> st.SearchStrategy[str]:
    """Text with everything that Python lets into a string, lone surrogates included."""
    return st.text(st.characters(exclude_categories=()), max_size=60)


def json_values() -> st.SearchStrategy[object]:
    """JSON values that RFC 8785 carries exactly."""
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | json_texts()
    )
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(json_texts(), inner, max_size=4)
        ),
        max_leaves=12,
    )


def json_texts() -> st.SearchStrategy[str]:
    """Texts that PostgreSQL keeps: no NUL, no lone surrogate."""
    alphabet = st.characters(exclude_categories=("Cs",), exclude_characters="\x00")
    return st.text(alphabet, max_size=12)


def json_objects() -> st.SearchStrategy[dict[str, object]]:
    """JSON objects."""
    return st.dictionaries(json_texts(), json_values(), max_size=4)


def measured() -> st.SearchStrategy[Measured]:
    """What came of a request, each measure known or not."""
    share = st.floats(0, 1, allow_nan=False)
    return st.builds(
        Measured,
        status=st.none() | st.sampled_from(["ok", "error"]),
        latency_ms=st.none() | st.floats(0, 86_400_000),
        input_tokens=st.none() | st.integers(0, 2_000_000_000),
        output_tokens=st.none() | st.integers(0, 2_000_000_000),
        cost_usd=st.none() | st.floats(0, 1_000_000),
        score=st.none() | share,
    )
