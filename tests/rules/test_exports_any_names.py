"""Whatever registries and people call things, every format takes it and gives it back."""

import io
import json
import warnings
from typing import Any

import networkx as nx
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from prov.model import ProvDocument

from tests.strategies import REFS, free_text, json_objects, model_names
from tests.support.origins import AT, bundle_of, dataset, model_version, plain, prompt_version
from twinline.exports import cyclonedx, graphml, intoto, prov
from twinline.exports.origin import Origin
from twinline.language.canonical import canonical
from twinline.language.records import Edge, Lineage, Node
from twinline.language.refs import DatasetRef

validator = JsonStrictValidator(SchemaVersion.V1_7)


@st.composite
def origins(draw: st.DrawFn) -> Origin:
    """Bundles with any model, data, author, suite and parameters."""
    model, prompt = model_version(draw(model_names())), prompt_version(draw(free_text()))
    prompt = prompt.model_copy(update={"author": draw(free_text())})
    refs = draw(st.lists(REFS[DatasetRef], max_size=3, unique=True))
    datasets = tuple(dataset(ref.name, ref.digest) for ref in refs if isinstance(ref, DatasetRef))
    bundle = bundle_of(model, prompt, draw(json_objects()))
    known = plain()
    assert known.run is not None
    run = known.run.model_copy(
        update={"datasets": tuple(refs), "tags": {"mlflow.user": draw(free_text())}}
    )
    evaluations = tuple(
        one.model_copy(
            update={"subject": bundle.ref, "suite": draw(free_text()), "actor": draw(free_text())}
        )
        for one in known.evaluations
    )
    return Origin(bundle, model, prompt, run, datasets, None, evaluations)


@settings(max_examples=30)
@given(origins())
def test_every_bill_of_materials_is_valid(origin: Origin) -> None:
    made = canonical(cyclonedx.document(origin, "0.1.0")).decode()
    assert validator.validate_str(made) is None


@given(origins())
def test_every_statement_is_parsed(origin: Origin) -> None:
    made: dict[str, Any] = json.loads(canonical(intoto.statement(origin, "0.1.0")))
    read = ParseDict(made["predicate"], Provenance())
    names = [one.name for one in read.build_definition.resolved_dependencies]
    assert names[:2] == [str(origin.model.ref), str(origin.prompt.ref)]


@given(origins())
def test_every_provenance_comes_back_as_it_was(origin: Origin) -> None:
    made = prov.document(origin)
    read = _read(json.dumps(made))
    assert json.loads(read.serialize(format="json")) == made
    assert _read(canonical(made).decode()) == read


def _read(text: str) -> ProvDocument:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return ProvDocument.deserialize(content=text, format="json")


@given(st.lists(model_names(), min_size=1, max_size=5, unique=True))
def test_every_graph_comes_back_as_it_was(names: list[str]) -> None:
    refs = [f"models:/{name}/1" for name in names]
    nodes = tuple(Node(ref=ref, kind="model", created_at=AT, depth=0) for ref in refs)
    edges = tuple(Edge(source=refs[0], target=ref, kind="made", since=AT) for ref in refs[1:])
    lineage = Lineage(
        root=refs[0], direction="both", nodes=nodes, edges=edges, left_out=0, why_left_out=None
    )
    graph = nx.read_graphml(io.BytesIO(graphml.document(lineage).encode()))
    expected = [ref for ref in refs if not {"\ufffe", "\uffff"} & set(ref)]
    assert set(expected) <= set(graph.nodes)
    assert (len(graph.nodes), len(graph.edges)) == (len(refs), len(edges))
