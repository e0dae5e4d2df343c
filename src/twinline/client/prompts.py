"""Prompts, as the client offers them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from twinline.client import sending
from twinline.client.http import Http, segment
from twinline.client.notebooks import ShownDiff
from twinline.language.names import LATEST
from twinline.language.records import (
    Declaration,
    Example,
    ImportedItem,
    ImportReport,
    IncludersUpdate,
    IncludersUpdated,
    Inclusion,
    LabelChange,
    LabelMove,
    NewPromptVersion,
    NewProtection,
    OutdatedInclude,
    Page,
    Promotion,
    Prompt,
    PromptAccess,
    PromptCheck,
    PromptDiff,
    PromptItem,
    PromptRetirement,
    PromptVersion,
    ProtectedLabel,
    Syntax,
    VersionUse,
    Withdrawal,
)
from twinline.language.refs import (
    PromptVersionRef,
)


class Prompts:
    """The prompt registry."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create(
        self,
        name: str,
        template: str | Sequence[dict[str, Any]],
        *,
        syntax: Syntax = "twinline",
        variables: Sequence[Declaration | dict[str, Any]] = (),
        examples: Sequence[Example | dict[str, Any]] = (),
        parameters: dict[str, Any] | None = None,
        message: str = "",
        description: str | None = None,
        tags: dict[str, Any] | None = None,
        labels: Sequence[str] = (),
        derived_from: PromptVersionRef | str | None = None,
        key: str | None = None,
    ) -> PromptVersion:
        """Make the next version of a prompt; identical content returns the version there is.

        Its ``notes`` say what may not have been meant.

        Args:
            name: the prompt.
            template: a text, or the messages of a chat.
            syntax: how the template is read.
            variables: what its variables are for, and which values they take.
            examples: good conversations.
            parameters: versioned with the text.
            message: what changed.
            description: of the prompt; None leaves it as it is.
            tags: of the prompt; None leaves them as they are.
            labels: to move to this version.
            derived_from: the version that it was written from.
            key: the same key again gives the same answer, and makes nothing twice.

        Raises:
            NotFound: it includes, or is derived from, what is not there.
            Invalid: what it includes does not fit, or a label is `latest`.
            TooLarge: it takes more than a million bytes with what it includes.
            VersionWithdrawn: it is new and includes what is retired, or a label would move to it.
            NotAllowed: a label is protected, or the key may not make versions.
        """
        content = _content(name, template, syntax, variables, examples, parameters)
        new = {
            "message": message,
            "description": description,
            "tags": tags,
            "labels": tuple(labels),
            "derived_from": derived_from,
        }
        sent = NewPromptVersion.model_validate(content | new)
        return self._http.write(PromptVersion, "POST", "/prompts", sent, key=key)

    def check(
        self,
        name: str,
        template: str | Sequence[dict[str, Any]],
        *,
        syntax: Syntax = "twinline",
        variables: Sequence[Declaration | dict[str, Any]] = (),
        examples: Sequence[Example | dict[str, Any]] = (),
        parameters: dict[str, Any] | None = None,
    ) -> PromptCheck:
        """What `create` would make of this; nothing is kept.

        Raises:
            NotFound, Invalid, TooLarge: as for `create`.
        """
        content = _content(name, template, syntax, variables, examples, parameters)
        sent = NewPromptVersion.model_validate(content)
        return self._http.write(PromptCheck, "POST", "/prompts/check", sent)

    def get(
        self,
        name: str,
        *,
        version: int | None = None,
        label: str | None = None,
        environment: str | None = None,
    ) -> PromptVersion:
        """A version by number or label, or by the label that is called like an environment;
        the newest when none is given.

        Raises:
            NotFound: there is no such prompt, number or label.
            Invalid: more than one is given.
        """
        query = {"version": version, "label": label, "environment": environment}
        return self._http.get(PromptVersion, f"/prompts/{segment(name)}", query)

    def list(
        self,
        search: str | None = None,
        *,
        label: str | None = None,
        tags: Sequence[str] = (),
        domain: str | None = None,
        author: str | None = None,
        includes: str | None = None,
        retired: bool = False,
    ) -> Iterator[Prompt]:
        """Prompts by name; with ``search`` those that are found, the best first.

        Args:
            search: words or parts of words in the name, the description, the tags, or the
                text of the newest or a labelled version.
            label: on a version of it.
            tags: that it has, each as ``NAME`` or ``NAME=VALUE``.
            domain: the folder that it lies in, or in one below it.
            author: who made a version of it.
            includes: a prompt that stands in its newest or in a labelled version.
            retired: with those whose versions are all retired, too.

        Raises:
            Invalid: the search says only what to leave out.
        """
        narrowed = {"label": label, "tag": tuple(tags), "domain": domain, "author": author}
        hidden = {"includes": includes, "retired": retired}
        return self._http.pages(Prompt, "/prompts", {"search": search, **narrowed, **hidden})

    def versions(self, name: str, *, retired: bool = False) -> Iterator[PromptVersion]:
        """The versions of a prompt, the newest first; with ``retired`` also those that are.

        Raises:
            NotFound: there is no such prompt.
        """
        path = f"/prompts/{segment(name)}/versions"
        return self._http.pages(PromptVersion, path, {"retired": retired})

    def retire(self, name: str, *, reason: str, key: str | None = None) -> Page[Withdrawal]:
        """Retire every version of a prompt: nothing that is built on it goes live any more.

        One version is retired by ``client.lineage.retire``.

        Raises:
            NotFound: there is no such prompt.
        """
        wanted = PromptRetirement(reason=reason)
        path = f"/prompts/{segment(name)}/retire"
        return self._http.write(Page[Withdrawal], "POST", path, wanted, key=key)

    def unretire(self, name: str, *, reason: str, key: str | None = None) -> Page[Withdrawal]:
        """Let people build again on the versions that were retired with the whole prompt.

        Raises:
            NotFound: there is no such prompt.
        """
        wanted = PromptRetirement(reason=reason)
        path = f"/prompts/{segment(name)}/unretire"
        return self._http.write(Page[Withdrawal], "POST", path, wanted, key=key)

    def move_label(
        self,
        name: str,
        label: str,
        number: int,
        *,
        reason: str,
        expected: int | None = None,
        key: str | None = None,
    ) -> PromptVersion:
        """Move a label; with ``expected`` only from the version it is thought to be on.

        Raises:
            NotFound: there is no such prompt or number.
            Stale: the label does not point to ``expected``; 0 is nowhere.
            Conflict: it is a semantic version, which stays where it was put.
            NotAllowed: it is protected, or the key may not move labels.
            VersionWithdrawn: nobody should build on the version any more.
        """
        change = LabelChange(number=number, reason=reason, expected=expected)
        path = f"/prompts/{segment(name)}/labels/{segment(label)}"
        return self._http.write(PromptVersion, "PUT", path, change, key=key)

    def diff(
        self,
        name: str,
        old: int | str,
        new: int | str = LATEST,
        *,
        context: int | None = None,
    ) -> PromptDiff:
        """What differs between two versions, to the word.

        Args:
            name: the prompt.
            old: a number or a label of it, or the reference of another prompt's version.
            new: likewise.
            context: how many equal lines to give around each change; None: all.

        Raises:
            NotFound: there is no such prompt, number or label.
            InvalidReference: a side is neither, nor a reference.
        """
        query = {"from": old, "to": new, "context": context}
        return self._http.get(ShownDiff, f"/prompts/{segment(name)}/diff", query)

    def accesses(self, name: str, *, version: int | None = None) -> Iterator[PromptAccess]:
        """Who read which version of the prompt, day by day, the newest day first.

        Raises:
            NotFound: there is no such prompt.
        """
        return self._http.pages(
            PromptAccess, f"/prompts/{segment(name)}/access", {"version": version}
        )

    def uses(self, name: str) -> Iterator[VersionUse]:
        """When each version of the prompt was read or served last, the newest version first.

        Raises:
            NotFound: there is no such prompt.
        """
        return self._http.pages(VersionUse, f"/prompts/{segment(name)}/access/versions")

    def remove_label(
        self,
        name: str,
        label: str,
        *,
        reason: str,
        expected: int | None = None,
        key: str | None = None,
    ) -> LabelMove:
        """Take a label off a prompt; its history stays.

        Raises:
            NotFound: there is no such prompt or label.
            Stale: the label does not point to ``expected``; 0 is nowhere.
            Conflict: it is a semantic version, which stays where it was put.
            NotAllowed: it is protected, or the key may not move labels.
        """
        path = f"/prompts/{segment(name)}/labels/{segment(label)}"
        query = {"reason": reason, "expected": expected}
        return self._http.write(LabelMove, "DELETE", path, query=query, key=key)

    def promote(
        self,
        name: str,
        source: str,
        target: str,
        *,
        reason: str,
        expected: int | None = None,
        key: str | None = None,
    ) -> PromptVersion:
        """Move the label ``target`` to the version that ``source`` names at this moment.

        Raises:
            NotFound: there is no such prompt, or no label ``source``.
            Stale, Conflict, NotAllowed, VersionWithdrawn: as for `move_label`.
        """
        promotion = Promotion(source=source, target=target, reason=reason, expected=expected)
        path = f"/prompts/{segment(name)}/promote"
        return self._http.write(PromptVersion, "POST", path, promotion, key=key)

    def protected(self) -> Iterator[ProtectedLabel]:
        """The labels that only who may move protected ones can move."""
        return self._http.pages(ProtectedLabel, "/labels/protected")

    def protect(
        self, label: str, *, reason: str, domain: str = "", key: str | None = None
    ) -> ProtectedLabel:
        """Protect a label in a folder of prompts, or with no ``domain`` everywhere.

        Raises:
            Invalid: the label is `latest`, which nobody moves.
            NotAllowed: the key may not move protected labels.
        """
        new = NewProtection(domain=domain, reason=reason)
        path = f"/labels/{segment(label)}/protection"
        return self._http.write(ProtectedLabel, "PUT", path, new, key=key)

    def unprotect(
        self, label: str, *, reason: str, domain: str = "", key: str | None = None
    ) -> ProtectedLabel:
        """Let everybody who may move labels move this one again.

        Raises:
            NotFound: it is not protected there.
            NotAllowed: the key may not move protected labels.
        """
        query = {"reason": reason, "domain": domain}
        path = f"/labels/{segment(label)}/protection"
        return self._http.write(ProtectedLabel, "DELETE", path, query=query, key=key)

    def history(self, name: str) -> Iterator[LabelMove]:
        """Every move of the prompt's labels, the newest first.

        Raises:
            NotFound: there is no such prompt.
        """
        return self._http.pages(LabelMove, f"/prompts/{segment(name)}/history")

    def includes(
        self, name: str, *, version: int | None = None, label: str | None = None
    ) -> Iterator[Inclusion]:
        """All that stands in a version (the newest), directly or not; the nearest first.

        Raises:
            NotFound: there is no such prompt, number or label.
            Invalid: both are given.
        """
        query = {"version": version, "label": label}
        return self._http.pages(Inclusion, f"/prompts/{segment(name)}/versions/includes", query)

    def included_by(self, name: str, *, version: int | None = None) -> Iterator[Inclusion]:
        """All versions that a version (any of them) stands in, the nearest first.

        Raises:
            NotFound: there is no such prompt or number.
        """
        query = {"version": version}
        return self._http.pages(Inclusion, f"/prompts/{segment(name)}/versions/included-by", query)

    def outdated(self, name: str) -> Iterator[OutdatedInclude]:
        """Where versions in use hold an older version of a prompt than its newest.

        Raises:
            NotFound: there is no such prompt.
        """
        return self._http.pages(OutdatedInclude, f"/prompts/{segment(name)}/versions/outdated")

    def update_includers(
        self, name: str, *, reason: str, key: str | None = None
    ) -> IncludersUpdated:
        """Make new versions of all that hold an older version of a prompt; labels stay."""
        wanted = IncludersUpdate(reason=reason)
        path = f"/prompts/{segment(name)}/update-includers"
        return self._http.write(IncludersUpdated, "POST", path, wanted, key=key)

    def export(
        self, *, name: str | None = None, domain: str | None = None, label: str | None = None
    ) -> Iterator[PromptItem]:
        """Versions by prompt and number, retired ones too: all, or those of a prompt, in a
        folder or on a label. ``twinline.exchange`` writes them as files and for others.

        Raises:
            NotFound: there is no prompt ``name``.
        """
        query = {"name": name, "domain": domain, "label": label}
        return self._http.pages(PromptItem, "/prompts/export", query)

    def import_(
        self,
        items: Iterable[PromptItem],
        *,
        refused: Sequence[ImportedItem] = (),
        labels: bool = False,
        atomic: bool = False,
        check: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> ImportReport:
        """Make versions that come from another place, where they are not there yet.

        Args:
            items: the versions, in any order.
            refused: what could not even be read, for the report and for ``atomic``.
            labels: move their labels to them.
            atomic: keep nothing when one is refused.
            check: keep nothing, and say what would become of them.
            progress: told after each request how many items are done.

        Raises:
            Invalid: labels are wanted, and one is on two versions of a prompt.
            TooLarge: they are to be checked, or all or nothing, and more than one request may
                hold.
        """
        sent = sending.Sending(labels=labels, atomic=atomic, check=check)
        return sending.send(self._http, tuple(items), tuple(refused), sent, progress)


def _content(
    name: str,
    template: str | Sequence[dict[str, Any]],
    syntax: Syntax,
    variables: Sequence[Declaration | dict[str, Any]],
    examples: Sequence[Example | dict[str, Any]],
    parameters: dict[str, Any] | None,
) -> dict[str, Any]:
    return {
        "name": name,
        "template": template,
        "syntax": syntax,
        "variables": tuple(variables),
        "examples": tuple(examples),
        "parameters": parameters or {},
    }
