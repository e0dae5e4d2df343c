"""Differences as HTML: what was deleted, what was inserted, and nothing but text."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pictures.test_telling import contrast
from twinline.diffs import texts
from twinline.language.records import (
    IncludeChange,
    MessageDiff,
    PromptDiff,
    Renamed,
    ValueChange,
    VariablesDiff,
)
from twinline.language.refs import PromptVersionRef
from twinline.pictures import diff_html
from twinline.pictures.diffs import ROWS_MOST
from twinline.pictures.style import DARK, LIGHT

TAGS = {
    "div", "style", "table", "caption", "b", "br", "thead", "tbody", "tr", "th", "td", "ins",
    "del", "ul", "li",
}  # fmt: skip
OLD, NEW = PromptVersionRef("support/answer", 1), PromptVersionRef("support/answer", 2)
NOTHING = VariablesDiff(added=(), removed=(), renamed=(), changed=())


def message(old: str, new: str, role: str | None = None) -> MessageDiff:
    op = "equal" if old == new else "change"
    content = texts.compare(old, new)
    return MessageDiff(op=op, old=1, new=1, old_role=role, new_role=role, content=content)


def diff(*messages: MessageDiff, **more: object) -> PromptDiff:
    known = {
        "old": OLD, "new": NEW, "old_kind": "text", "new_kind": "text", "identical": False,
        "messages": messages, "composed": False, "includes": (), "parameters": (),
        "variables": NOTHING, "others": (), "invisible": (), "summary": "1 words deleted",
    }  # fmt: skip
    return PromptDiff.model_validate(known | more)


class Read(HTMLParser):
    """The tags of a page that is closed as it was opened, and its rows' texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.opened: list[str] = []
        self.feed(page)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def rows(page: str) -> list[str]:
    """The text of each row, with ``[-...-]`` and ``{+...+}``."""
    found = re.findall(r'<td class="(?:text|note)"[^>]*>(.*?)</td>', page)
    marks = {"<del>": "[-", "</del>": "-]", "<ins>": "{+", "</ins>": "+}"}
    return [unescape(re.sub(r"</?(del|ins)>", lambda tag: marks[tag[0]], row)) for row in found]


def test_words_are_deleted_and_inserted() -> None:
    page = diff_html(diff(message("Answer in one sentence.\n", "Answer in two words.\n")))
    assert rows(page) == ["Answer in [-one sentence-]{+two words+}."]
    assert "<b>prompts:/support/answer/1 → prompts:/support/answer/2</b>" in page


def test_lines_are_numbered_on_both_sides() -> None:
    page = diff_html(diff(message("same\n", "same\nnew\n")))
    assert '<td class="nr">1</td><td class="nr">1</td><td class="text">same</td>' in page
    assert '<td class="nr"></td><td class="nr">2</td><td class="text"><ins>new</ins></td>' in page


def test_equal_lines_far_from_a_change_are_a_number() -> None:
    lines = "".join(f"line {number}\n" for number in range(1, 21))
    shown = rows(diff_html(diff(message(f"{lines}old\n", f"{lines}new\n"))))
    assert shown == ["… 17 equal lines", "line 18", "line 19", "line 20", "[-old-]", "{+new+}"]
    between = rows(diff_html(diff(message(f"a\n{lines}b\n", f"c\n{lines}d\n"))))
    assert between[1:8] == [
        "line 1", "line 2", "line 3", "… 14 equal lines", "line 18", "line 19", "line 20",
    ]  # fmt: skip


def test_a_chat_is_told_message_by_message() -> None:
    page = diff_html(diff(message("a", "b", "system"), message("c", "d", "user")))
    assert re.findall(r'<th colspan="3">(.*?)</th>', page) == ["message 1 system", "message 1 user"]


def test_a_long_difference_says_how_much_more_there_is() -> None:
    old = "".join(f"{number}\n" for number in range(600))
    page = diff_html(diff(message(old, "")))
    assert page.count("<tr>") == ROWS_MOST + 2
    assert rows(page)[-1] == "… and 100 more rows"


def test_what_differs_beside_the_text_is_listed() -> None:
    page = diff_html(
        diff(
            composed=True,
            includes=(IncludeChange(written="tone@live", before=OLD, after=None),),
            variables=VariablesDiff(
                added=("a",), removed=("b",), renamed=(Renamed(before="c", after="d"),), changed=()
            ),
            parameters=(ValueChange(name="/t", change="changed", before=0.2, after="<b>"),),
        )
    )
    assert [unescape(one) for one in re.findall("<li>(.*?)</li>", page)] == [
        "What is written is the same; this is the composed text.",
        "include tone@live: prompts:/support/answer/1 → nothing",
        "variable c is called d",
        "new variable a",
        "without variable b",
        'parameter /t: 0.2 → "<b>"',
    ]


def test_what_nobody_sees_is_shown() -> None:
    page = diff_html(diff(message("pay me\n", "pay\u200b me \n")))
    assert "⟨U+200B⟩" in page
    assert "\u200b" not in page
    assert rows(page)[0].endswith("{+·+}")


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_a_prompt_says_is_text(old: str, new: str) -> None:
    page = diff_html(diff(message(old, new), summary=old))
    read = Read(page)
    assert read.tags <= TAGS
    assert read.attributes <= {"class", "colspan"}


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "</td></table><img src=x>", "&lt;"])
def test_no_prompt_becomes_html(text: str) -> None:
    page = diff_html(diff(message("", f"{text}\n"), parameters=(_value(text),)))
    assert Read(page).tags <= TAGS
    assert rows(page) == [f"{{+{text}+}}"]


def _value(text: str) -> ValueChange:
    return ValueChange(name=text, change="changed", before=text, after=text)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_words_have_contrast_to_their_ground(colours: dict[str, str]) -> None:
    for text, ground in (("up", "up-tint"), ("down", "down-tint"), ("text", "lane")):
        assert contrast(colours[text], colours[ground]) >= 4.5, text
