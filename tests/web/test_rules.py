"""What holds for every page and template, so that nobody has to look for it."""

import ast
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

import twinline
from tests.support.page_routes import ASSETS, LOGIN, asked_before, kinds, page_routes
from twinline.web.gate import _Sending, _Trying, _Visiting
from twinline.web.said import DONE

WEB = Path(str(resources.files(twinline))) / "web"
TEMPLATES = sorted(WEB.glob("templates/**/*.html"))
SOURCES = sorted(WEB.rglob("*.py"))
DRAWN = [*WEB.parent.glob("pictures/*.py"), WEB / "static" / "twinline.js", *SOURCES]
"""What makes the classes that no template names."""

FORBIDDEN = {
    "what is not escaped": r"\|\s*safe\b|autoescape|Markup",
    "a style of its own": r"<style|\bstyle\s*=",
    "a script of its own": r"<script(?![^>]*\bsrc=\"\{\{)|[\s\"']on[a-z]+\s*=|javascript:",
    "what another server gives": r"(?:src|href|action)\s*=\s*[\"']?(?:https?:)?//",
    "where a base would lead": r"<base\b|<iframe|<object|<embed",
    "an attribute without quotes": r"\s[\w-]+\s*=\{[{%]",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_template_holds(what: str) -> None:
    found = {
        f"{one.name}: {hit[0].strip()}"
        for one in TEMPLATES
        for hit in re.finditer(FORBIDDEN[what], _said(one, what), re.IGNORECASE)
    }
    assert found == set()


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("what is not escaped", "{{ text | safe }}"),
        ("a style of its own", '<p style="color: red">'),
        ("a script of its own", '<p onclick="go()">'),
        ("a script of its own", "<script>go()</script>"),
        ("what another server gives", '<img src="//cdn.example/x">'),
        ("where a base would lead", "<base href=x>"),
        ("an attribute without quotes", "<p class={{ tone }}>"),
    ],
)
def test_what_no_template_may_hold_is_found(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], text, re.IGNORECASE)


@pytest.mark.parametrize(
    "by_hand",
    [r"""asked\(\s*["']/(changes|impact|lineage|recall)["']""", r"""path\(["']models["']"""],
)
def test_an_address_is_put_together_in_one_file(by_hand: str) -> None:
    found = {one.name for one in (*SOURCES, *TEMPLATES) if re.search(by_hand, one.read_text())}
    assert found == {"addresses.py"}


def test_html_that_no_template_escapes_is_made_in_one_file() -> None:
    """And is what a picture drew, as it is: no text with something put into it."""
    found: set[str] = set()
    for source in SOURCES:
        for call in _markups(source):
            found.add(source.relative_to(WEB).as_posix())
            said = ast.unparse(call)
            assert len(call.args) == 1, said
            assert not call.keywords, said
            drawn = call.args[0]
            assert isinstance(drawn, ast.Call), said
            assert ast.unparse(drawn.func).startswith(("pictures.", "charts.")), said
            assert not any(isinstance(one, ast.JoinedStr | ast.BinOp) for one in ast.walk(drawn))
    assert found == {"pictures.py"}


def test_every_field_of_every_page_has_its_help() -> None:
    """And every page has a template that is there."""
    names = {one.relative_to(WEB / "templates").as_posix() for one in TEMPLATES}
    made = list(kinds())
    for kind in made:
        assert kind.template in names, kind
        assert all(said.said.endswith(".") for said in kind.help()), kind
    everything = "".join(one.read_text("utf-8") for one in TEMPLATES)
    for name in names - {kind.template for kind in made}:
        assert re.search(rf'(?:import|include|extends|from) "{name}"', everything), name


def test_every_form_that_changes_something_carries_our_token() -> None:
    """But the one to sign in, when there is no session yet, and the one that sends again all that
    was sent, our token among it. All others say what they ask by GET."""
    seen, tokens = 0, "|".join(_macros_with_a_token())
    for one in TEMPLATES:
        text = one.read_text("utf-8")
        for form in re.finditer(r"<form\b([^>]*)>(.*?)</form>", text, re.DOTALL):
            head, inside = form.groups()
            posts = re.search(r"method=\"?post\"?", head) is not None
            token = re.search(rf"\b(?:{tokens})\(visitor\b", inside) is not None
            assert posts or "method" not in head, f"{one.name}: {head}"
            needs = posts and f'"{LOGIN}"' not in head and one.name != "later.html"
            assert token == needs, f"{one.name}: <form{head}>"
            assert "<button" in inside or "parts." in inside, f"{one.name}: <form{head}>"
            seen += posts
    everything = "".join(one.read_text("utf-8") for one in TEMPLATES)
    assert 0 < seen == len(re.findall(r"method=\"?post", everything))
    assert all(_forms_are_whole(one.read_text("utf-8")) for one in TEMPLATES)


def test_every_address_that_changes_something_asks_for_a_form_of_ours() -> None:
    for route in page_routes("POST"):
        assert route.methods == {"POST"}, route.path
        asked = asked_before(route.dependant)
        through = any(isinstance(one, _Sending | _Trying) for one in asked)
        assert through == (route.path != LOGIN), route.path


def test_every_address_that_only_shows_asks_who_is_there() -> None:
    """But for the files that every page needs, and the form to sign in."""
    for route in page_routes("GET"):
        assert route.methods == {"GET"}, route.path
        asks = any(isinstance(one, _Visiting) for one in asked_before(route.dependant))
        assert asks == (route.path not in (LOGIN, ASSETS)), route.path


def test_no_address_takes_anything_but_get_and_post() -> None:
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
        with pytest.raises(AssertionError):
            page_routes(method)


_TEMPLATE = re.compile(r"\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}", re.DOTALL)


def _said(template: Path, what: str) -> str:
    """A template; of what may be an attribute, without the words of the template itself."""
    text = template.read_text("utf-8")
    ours = what == "a script of its own"
    return _TEMPLATE.sub("{{", text) if ours else text


def _markups(source: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Markup"):
            yield node


def _macros_with_a_token() -> list[str]:
    """The macros that print the field, by themselves or by another."""
    texts = [one.read_text("utf-8") for one in TEMPLATES]
    bodies = [
        found.groups()
        for text in texts
        for found in re.finditer(r"{% macro (\w+)\((.*?){% endmacro %}", text, re.DOTALL)
    ]
    return [
        name for name, body in bodies if "visitor.form_token" in body or "token(visitor)" in body
    ]


def _forms_are_whole(text: str) -> bool:
    return text.count("<form") == text.count("</form>")


def test_every_class_of_a_template_has_a_rule_and_every_rule_a_user() -> None:
    style = re.sub(r"/\*.*?\*/", "", (WEB / "static" / "twinline.css").read_text(), flags=re.S)
    rules = set(re.findall(r"\.([a-z][a-z-]*)", style))
    classes = [
        said for one in TEMPLATES for said in re.findall(r'class="([^"]*)"', one.read_text())
    ]
    sure = {word for said in classes for word in re.sub(r"{[{%].*?[%}]}", " ", said).split()}
    assert len(sure) > 50
    assert sure - rules == set()
    users = "\n".join(
        [*(one.read_text() for one in TEMPLATES), *(one.read_text() for one in DRAWN)]
    )
    assert {rule for rule in rules if not re.search(rf"\b{rule}\b", users)} == set()


def test_every_word_that_is_said_after_a_form_is_one_and_is_said() -> None:
    source = "\n".join(one.read_text() for one in SOURCES if one.name != "said.py")
    assert {word for word in DONE if f'"{word}"' not in source} == set()


def test_every_field_of_a_moment_says_that_it_is_of_utc() -> None:
    found = [
        (one.name, text[: hit.start()].rpartition("<label")[2])
        for one in TEMPLATES
        for text in [one.read_text()]
        for hit in re.finditer("datetime-local", text)
    ]
    assert len(found) > 5
    assert [name for name, label in found if "(UTC)" not in label] == []


def test_a_refusal_is_what_is_read_first() -> None:
    """It takes the focus before anything else of its page does."""
    deeds = (WEB / "templates" / "deeds.html").read_text()
    assert 'role="alert" tabindex="-1" autofocus' in deeds
    for one in TEMPLATES:
        text = one.read_text()
        first = text.find(" autofocus")
        if "deeds.refused(" in text and first >= 0:
            assert text.index("deeds.refused(") < first, one.name
