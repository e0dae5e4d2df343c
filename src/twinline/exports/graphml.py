"""A walk through the lineage graph as GraphML (http://graphml.graphdrawing.org)."""

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from twinline.language.records import Lineage

MEDIA_TYPE = "application/graphml+xml"
_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
_KEYS = (
    ("node", "kind", "string"),
    ("node", "created_at", "string"),
    ("node", "depth", "int"),
    ("node", "withdrawn", "string"),
    ("edge", "kind", "string"),
    ("edge", "since", "string"),
    ("edge", "until", "string"),
    ("graph", "root", "string"),
    ("graph", "direction", "string"),
    ("graph", "left_out", "int"),
    ("graph", "why_left_out", "string"),
)
_no_xml = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(lineage: Lineage) -> str:
    """The walk as a directed graph; what it left out is said on the graph."""
    root = Element("graphml", {"xmlns": _NAMESPACE})
    for owner, name, kind in _KEYS:
        key = {"id": f"{owner}.{name}", "for": owner, "attr.name": name, "attr.type": kind}
        SubElement(root, "key", key)
    graph = SubElement(root, "graph", {"edgedefault": "directed"})
    for node in lineage.nodes:
        element = SubElement(graph, "node", {"id": _text(node.ref)})
        _describe(element, "node", node.model_dump(mode="json", exclude={"ref"}))
    for edge in lineage.edges:
        ends = {"source": _text(edge.source), "target": _text(edge.target)}
        facts = edge.model_dump(mode="json", exclude={"source", "target"})
        _describe(SubElement(graph, "edge", ends), "edge", facts)
    _describe(graph, "graph", lineage.model_dump(exclude={"nodes", "edges"}))
    return ElementTree.tostring(root, "unicode", xml_declaration=True) + "\n"


def _describe(element: Element, owner: str, values: dict[str, object]) -> None:
    known = {name: value for name, value in values.items() if value is not None}
    for _, name, _ in (key for key in _KEYS if key[0] == owner and key[1] in known):
        SubElement(element, "data", {"key": f"{owner}.{name}"}).text = _text(known[name])


def _text(value: object) -> str:
    """Text that XML 1.0 can hold: the few characters that it cannot are escaped."""
    return _no_xml.sub(lambda found: f"\\u{ord(found[0]):04x}", str(value))
