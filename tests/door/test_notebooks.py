"""What the client answers is shown by notebooks, and is the record that it was."""

from xml.etree import ElementTree

import pytest

from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.records import Bundle, Lineage


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.deploy("answer@production", made.bundle(1, 1))
    return made


def test_a_walk_is_a_picture(catalog: Catalog) -> None:
    found = catalog.client.lineage.walk("prompts:/support/answer/1")
    drawn = found._repr_svg_()
    ElementTree.fromstring(drawn)
    assert 'aria-label="Lineage of prompts:/support/answer/1"' in drawn
    assert drawn in found._repr_html_()
    for node in found.nodes:
        assert f"<title>{node.ref}, " in drawn
    assert ">live</text>" in drawn


def test_a_bundle_is_a_picture(catalog: Catalog) -> None:
    client, (listed,) = catalog.client, catalog.client.bundles.list()
    for found in (listed, client.bundles.get(listed.ref), catalog.bundle(1, 1)):
        drawn = found._repr_svg_()
        ElementTree.fromstring(drawn)
        assert "<title>models:/churn/1" in drawn
        assert drawn in found._repr_html_()


def test_a_difference_is_a_table(client: Client) -> None:
    client.prompts.create("support/answer", "Answer <b>briefly</b>.")
    client.prompts.create("support/answer", "Answer <b>at length</b>.")
    table = client.prompts.diff("support/answer", 1, 2)._repr_html_()
    assert "&lt;b&gt;<del>briefly</del><ins>at length</ins>&lt;/b&gt;" in table


def test_what_is_shown_is_the_record(catalog: Catalog) -> None:
    shown = catalog.bundle(1, 1)
    plain = Bundle.model_validate(shown.model_dump())
    assert isinstance(shown, Bundle)
    assert type(plain) is Bundle
    assert shown == plain
    assert plain == shown
    assert repr(shown) == repr(plain)
    other = plain.model_copy(update={"parameters": {"seed": 1}})
    assert shown != other
    assert shown != "a bundle"
    walk = catalog.client.lineage.walk(shown.ref)
    same = Lineage.model_validate(walk.model_dump())
    assert walk == same
    assert hash(walk) == hash(same)
    assert walk != shown
