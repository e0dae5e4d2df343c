"""Digests that anybody can take again: their inputs are written out here, by hand."""

from hashlib import sha256

from twinline.language.identity import model_digest, pair_digest, prompt_digest


def sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def test_a_model_version_is_its_name_origin_and_run() -> None:
    taken = model_digest(
        name="churn", source="mlflow", source_uri="models:/m-1", pinned=True, run="9d2c67"
    )
    assert taken == sha(
        '{"name":"churn","pinned":true,"run":"9d2c67","source":"mlflow","source_uri":"models:/m-1"}'
    )


def test_a_prompt_version_is_its_content() -> None:
    taken = prompt_digest(
        kind="text", template="Hi {{ name }}", variables=[{"name": "name"}], parameters={"t": 0.2}
    )
    assert taken == sha(
        '{"kind":"text","parameters":{"t":0.2},"template":"Hi {{ name }}",'
        '"variables":[{"name":"name"}]}'
    )


def test_a_bundle_is_both_sides_by_reference_and_digest() -> None:
    taken = pair_digest(
        model="models:/churn/3",
        model_digest="aa",
        prompt="prompts:/p/1",
        prompt_digest="bb",
        parameters={},
    )
    assert taken == sha(
        '{"model":{"digest":"aa","ref":"models:/churn/3"},"parameters":{},'
        '"prompt":{"digest":"bb","ref":"prompts:/p/1"},"schema":"bundle/1"}'
    )
