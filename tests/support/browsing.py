"""A browser without a screen or a script: follows links, fills forms, keeps its cookie.

It sends what a browser sends beside: ``Sec-Fetch-Site`` and ``Origin``. Everything that a
test does through it works without JavaScript.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from lxml import html

from twinline.web.gate import COOKIE

HOSTILE = "<script>alert(1)</script>\u202e"
"""What would run on a page that does not escape it, and what would turn its text around."""

AGAIN = "This form was carried out before, and sending it again changed nothing."
"""What is said of a form that is sent twice."""


class Shown:
    """A page as it was answered."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.status = answer.status_code
        self.address = answer.request.url.raw_path.decode()
        self.source = answer.text
        self.tree = html.fromstring(self.source) if self.source.strip() else html.Element("html")
        for area in self.tree.iter("textarea"):  # lxml keeps what an HTML parser drops
            area.text = (area.text or "").removeprefix("\n")

    @property
    def text(self) -> str:
        """What is to be read on the page, with single spaces."""
        return _words(self.tree.find("body") if self.tree.find("body") is not None else self.tree)

    @property
    def main(self) -> str:
        """What is to be read in the page's own part."""
        return _words(self.one("//main"))

    def all(self, path: str) -> list[Any]:
        """The elements at an XPath."""
        return list(self.tree.xpath(path))

    def one(self, path: str) -> Any:
        """The only element at an XPath."""
        found = self.all(path)
        assert len(found) == 1, f"{len(found)} of {path} in {self.address}: {self.text[:500]}"
        return found[0]

    @property
    def links(self) -> Mapping[str, str]:
        """Where each link of the page's own part leads, by what it says."""
        return {_words(one): one.get("href") for one in reversed(self.all("//main//a[@href]"))}

    def form(self, button: str) -> Any:
        """The only form with a button that says so."""
        found = [
            form
            for form in self.all("//form")
            if any(_words(one) == button for one in form.xpath(".//button"))
        ]
        said = [_words(one) for one in self.all("//button")]
        assert len(found) == 1, f"{len(found)} forms with {button!r}; there are {said}"
        return found[0]

    def rows(self, table: int = 0) -> list[list[str]]:
        """What the cells of a table say, without its head."""
        found = self.all("//main//table")[table]
        return [
            [_words(cell) for cell in row.xpath("./th|./td")] for row in found.xpath(".//tbody/tr")
        ]


class Browser:
    """Asks a server for pages."""

    def __init__(self, url: str, key: str | None = None) -> None:
        hooks = {"request": [self._give_cookie], "response": [self._take_cookie]}
        self.http = httpx.Client(base_url=url, follow_redirects=True, timeout=30, event_hooks=hooks)
        self.url = url
        if key is not None:
            self.sign_in(key)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def _give_cookie(self, request: httpx.Request) -> None:
        """A client of HTTP leaves a cookie that it was told by a header behind when it is sent
        on; browsers do not."""
        if cookie := self.http.headers.get("Cookie"):
            request.headers["Cookie"] = cookie

    def _take_cookie(self, answer: httpx.Response) -> None:
        """A client of HTTP keeps no cookie of HTTPS for 127.0.0.1; browsers do."""
        said = answer.headers.get("set-cookie", "")
        if said.startswith(f"{COOKIE}="):
            self.http.headers["Cookie"] = said.partition(";")[0]

    def sign_in(self, key: str, next: str = "") -> Shown:
        """Sign in with a key."""
        return self.send("/login", {"key": key, "next": next})

    def get(self, address: str, **headers: str) -> Shown:
        """A page."""
        return Shown(self.http.get(address, headers={"Accept": "text/html", **headers}))

    def follow(self, shown: Shown, link: str) -> Shown:
        """The page that a link of the page's own part leads to."""
        assert link in shown.links, f"no link {link!r}; there are {sorted(shown.links)}"
        return self.get(urljoin(shown.address, shown.links[link]))

    def send(
        self, address: str, fields: Mapping[str, str | Sequence[str]], **headers: str
    ) -> Shown:
        """Send a form's fields as our page would."""
        beside = {"Sec-Fetch-Site": "same-origin", "Origin": self.url, "Accept": "text/html"}
        answer = self.http.post(
            address, data=fields, headers=beside | headers, follow_redirects=False
        )
        return self.get(answer.headers["location"]) if answer.is_redirect else Shown(answer)

    def submit(self, shown: Shown, button: str, **typed: str | Sequence[str]) -> Shown:
        """Fill a form of the page and press one of its buttons; a box is ticked by ``on``
        or its value, and left by the empty text."""
        form = shown.form(button)
        values = form.form_values()
        fields: dict[str, str | list[str]] = {
            name: [value for other, value in values if other == name] for name, _ in values
        }
        pressed = next(one for one in form.xpath(".//button") if _words(one) == button)
        if pressed.get("name"):
            fields[pressed.get("name")] = pressed.get("value", "")
        known = {one.get("name") for one in form.xpath(".//*[@name]")}
        for name, value in typed.items():
            assert name in known, f"the form has no field {name!r}; it has {known}"
            if value == "" and form.xpath(f".//input[@type='checkbox'][@name='{name}']"):
                fields.pop(name, None)
            else:
                fields[name] = value if isinstance(value, str) else list(value)
        address = urljoin(shown.address, pressed.get("formaction") or form.get("action") or "")
        if (form.get("method") or "get").lower() == "get":
            path = urlsplit(address).path
            return self.get(f"{path}?{httpx.QueryParams(fields)}")
        return self.send(address, fields)

    def submit_late(
        self, shown: Shown, button: str, key: str, **typed: str | Sequence[str]
    ) -> Shown:
        """Press a button when the session has ended, sign in again with the key, and look at
        the form again: nothing was done, and everything typed is in the form that is given."""
        self.http.headers.pop("Cookie")
        ended = self.submit(shown, button, **typed)
        assert ended.status == 401
        assert "nothing was done" in alert(ended)
        assert ended.links["Sign in in another window"] == "/login"
        self.sign_in(key)
        again = self.submit(ended, "Look at it again")
        assert again.status == 403
        assert "You signed in again" in alert(again)
        return again


def alert(shown: Shown) -> str:
    """What the only alert in the page's own part says."""
    return _words(shown.one("//main//*[@role='alert']"))


def _words(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())
