"""Put a history into ML Metadata, and say what is up- and downstream of some of its nodes.

Runs where ML Metadata is installed, which is not where we are: JSON comes in and goes out.
A node is an artifact, and whatever made one from others an execution.
"""

import json
import sys

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as proto

HOPS_MOST = 100  # what it allows; a step from node to node takes two
Options = proto.LineageSubgraphQueryOptions
DIRECTIONS = {"upstream": Options.UPSTREAM, "downstream": Options.DOWNSTREAM}


def main() -> None:
    asked = json.load(sys.stdin)
    config = proto.ConnectionConfig()
    config.fake_database.SetInParent()
    store = metadata_store.MetadataStore(config)
    ids = _keep(store, asked["nodes"], asked["steps"])
    answers = {
        node: {way: _beyond(store, ids[node], direction) for way, direction in DIRECTIONS.items()}
        for node in asked["roots"]
    }
    json.dump(answers, sys.stdout)


def _keep(store, nodes, steps):
    artifact = store.put_artifact_type(proto.ArtifactType(name="node"))
    execution = store.put_execution_type(proto.ExecutionType(name="step"))
    made = store.put_artifacts([proto.Artifact(type_id=artifact, name=node) for node in nodes])
    ids = dict(zip(nodes, made, strict=True))
    ran = store.put_executions([proto.Execution(type_id=execution) for _ in steps])
    for id, (inputs, output) in zip(ran, steps, strict=True):
        read = [_event(ids[node], id, proto.Event.INPUT) for node in inputs]
        store.put_events([*read, _event(ids[output], id, proto.Event.OUTPUT)])
    return ids


def _event(artifact, execution, type):
    return proto.Event(artifact_id=artifact, execution_id=execution, type=type)


def _beyond(store, id, direction):
    options = Options(direction=direction, max_num_hops=HOPS_MOST)
    options.starting_artifacts.filter_query = f"id = {id}"
    graph = store.get_lineage_subgraph(options, ["artifacts"])
    return sorted(artifact.name for artifact in graph.artifacts if artifact.id != id)


if __name__ == "__main__":
    main()
