"""All that is upstream of a request, in one statement however many requests there are."""

from datetime import datetime

from sqlalchemy import RowMapping, text

from twinline.db.session import Reading
from twinline.language.refs import BundleRef, DeploymentRef

# Each part is a query of its own: to plan one join of all of them takes longer than
# everything else.
_STORY = text("""
select
    to_jsonb(bundle) || jsonb_build_object(
        'ref', 'bundles:/' || bundle.digest, 'model', model_node.ref, 'prompt', prompt_node.ref,
        'pinned', (select pinned from model_version where node_id = bundle.model_version)
    ) as bundle,
    (
        select to_jsonb(written) || jsonb_build_object(
            'ref', prompt_node.ref, 'name', prompt.name,
            'retired_at', (
                select at from withdrawal where withdrawal.node_id = written.node_id
                    and kind = 'retired' and at <= :at
                    and (lifted_at is null or lifted_at > :at)
                order by number desc limit 1),
            'labels', array(
                select label from (
                    select distinct on (label) label, number from label_move
                    where label_move.prompt_id = prompt.id and label_move.at <= :at
                    order by label, id desc
                ) named where named.number = written.number order by label
            ))
        from prompt_version written join prompt on prompt.id = written.prompt_id
        where written.node_id = bundle.prompt_version
    ) as prompt,
    (
        select to_jsonb(trained) || jsonb_build_object(
            'ref', model_node.ref, 'name', model.name, 'source', model.source,
            'run', (select ref from node where id = trained.run_node_id))
        from model_version trained join model on model.id = trained.model_id
        where trained.node_id = bundle.model_version
    ) as model,
    (
        select to_jsonb(run) || jsonb_build_object('ref', 'runs:/' || run.id, 'datasets', array(
            select node.ref from edge join node on node.id = edge.source
            where edge.target = run.node_id and edge.kind = 'trained' order by node.ref))
        from model_version trained join run on run.node_id = trained.run_node_id
        where trained.node_id = bundle.model_version
    ) as run,
    array(
        select to_jsonb(dataset) || jsonb_build_object('ref', node.ref)
        from model_version trained join edge on edge.target = trained.run_node_id
        join node on node.id = edge.source join dataset on dataset.node_id = node.id
        where trained.node_id = bundle.model_version and edge.kind = 'trained' order by node.ref
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
            'ref', 'evaluations:/' || newest.id, 'subject', newest.scored)
        from (
            select distinct on (suite, subject) evaluation.*, node.ref as scored
            from evaluation join node on node.id = evaluation.subject
            where subject in (bundle.node_id, bundle.model_version, bundle.prompt_version)
                and evaluation.at <= :at
            order by suite, subject, evaluation.id desc
        ) newest order by suite, scored
    ) as evaluations,
    (
        select to_jsonb(deployment) || jsonb_build_object(
            'ref', node.ref, 'slot', 'routes:/' || slot.route || '@' || slot.environment,
            'bundle', 'bundles:/' || served.digest,
            'model', (select ref from node where id = served.model_version),
            'prompt', (select ref from node where id = served.prompt_version))
        from node join deployment on deployment.node_id = node.id
        join slot on slot.id = deployment.slot_id
        join bundle served on served.node_id = deployment.bundle
        where node.ref = :deployment
    ) as deployment
from bundle
left join node model_node on model_node.id = bundle.model_version
left join node prompt_node on prompt_node.id = bundle.prompt_version
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
