"""All that is upstream of a request, in one statement however many requests there are."""

from datetime import datetime

from sqlalchemy import RowMapping, text

from twinline.db.session import Reading
from twinline.language.refs import BundleRef, DeploymentRef

_STORY = text("""
select
    to_jsonb(bundle) || jsonb_build_object(
        'ref', 'bundles:/' || bundle.digest, 'model', model_node.ref, 'prompt', prompt_node.ref
    ) as bundle,
    to_jsonb(written) || jsonb_build_object(
        'ref', prompt_node.ref, 'name', prompt.name, 'labels', array(
            select label from (
                select distinct on (label) label, number from label_move
                where label_move.prompt_id = prompt.id and label_move.at <= :at
                order by label, id desc
            ) named where named.number = written.number order by label
        )) as prompt,
    to_jsonb(trained) || jsonb_build_object(
        'ref', model_node.ref, 'name', model.name, 'source', model.source, 'run', run_node.ref
    ) as model,
    to_jsonb(run) || jsonb_build_object('ref', run_node.ref, 'datasets', array(
        select node.ref from edge join node on node.id = edge.source
        where edge.target = run.node_id and edge.kind = 'trained' order by node.ref
    )) as run,
    array(
        select to_jsonb(dataset) || jsonb_build_object('ref', node.ref) from edge
        join node on node.id = edge.source join dataset on dataset.node_id = node.id
        where edge.target = run.node_id and edge.kind = 'trained' order by node.ref
    ) as datasets,
    (
        select to_jsonb(pairing)
            || jsonb_build_object('model', model_node.ref, 'prompt', prompt_node.ref)
        from pairing where pairing.model_version = bundle.model_version
            and pairing.prompt_version = bundle.prompt_version and pairing.at <= :at
        order by pairing.id desc limit 1
    ) as pairing,
    array(
        select to_jsonb(newest) || jsonb_build_object(
            'ref', 'evaluations:/' || newest.id, 'bundle', 'bundles:/' || bundle.digest,
            'verdict', case when case when threshold is null then failed = 0
                else score >= threshold end then 'passed' else 'failed' end)
        from (
            select distinct on (suite) * from evaluation
            where subject = bundle.node_id and evaluation.at <= :at order by suite, id desc
        ) newest order by suite
    ) as evaluations,
    (
        select to_jsonb(deployment) || jsonb_build_object(
            'ref', node.ref, 'slot', slot_node.ref, 'bundle', served_node.ref,
            'model', of_model.ref, 'prompt', of_prompt.ref)
        from node join deployment on deployment.node_id = node.id
        join slot on slot.id = deployment.slot_id join node slot_node on slot_node.id = slot.node_id
        join bundle served on served.node_id = deployment.bundle
        join node served_node on served_node.id = served.node_id
        join node of_model on of_model.id = served.model_version
        join node of_prompt on of_prompt.id = served.prompt_version
        where node.ref = :deployment
    ) as deployment
from bundle
left join prompt_version written on written.node_id = bundle.prompt_version
left join prompt on prompt.id = written.prompt_id
left join node prompt_node on prompt_node.id = bundle.prompt_version
left join model_version trained on trained.node_id = bundle.model_version
left join model on model.id = trained.model_id
left join node model_node on model_node.id = bundle.model_version
left join run on run.node_id = trained.run_node_id
left join node run_node on run_node.id = run.node_id
where bundle.digest = :digest
""")


def story(
    tx: Reading, bundle: BundleRef, deployment: DeploymentRef | None, at: datetime
) -> RowMapping:
    """A bundle, its sides, the run and its datasets, what was known about the pair at a
    time, and a deployment: each as the members of its record, None where there is none."""
    values = {
        "digest": bundle.digest,
        "deployment": str(deployment) if deployment else None,
        "at": at,
    }
    row = tx.row(_STORY, values)
    assert row is not None
    return row
