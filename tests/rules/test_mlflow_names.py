"""MLflow's names within the catalog's: one is read out of what the other was made of."""

from hypothesis import given
from hypothesis import strategies as st

from twinline.language.mlflow_names import model_in_mlflow, prompt_in_mlflow
from twinline.mirror.naming import DEFAULT, Place, catalog_name, recreated

names = st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True).filter(
    lambda name: not name.startswith("recreated-")
)
places = st.sampled_from([Place(DEFAULT, DEFAULT), Place("eu", DEFAULT), Place("eu", "team")])


@given(places, names, st.integers(0, 3))
def test_the_name_in_mlflow_is_found_again(place: Place, name: str, times: int) -> None:
    model = recreated(catalog_name(place, "model", name), times)
    folders = () if place == (DEFAULT, DEFAULT) else tuple(str(place).split("/"))
    assert model_in_mlflow(model) == (folders, name)
    assert name in prompt_in_mlflow(recreated(catalog_name(place, "prompt", name), times))


def test_our_own_prompts_have_no_name_in_mlflow() -> None:
    assert not prompt_in_mlflow("support/answer") | prompt_in_mlflow("answer")
    assert prompt_in_mlflow("mlflow/prompt-guide") == {"prompt-guide"}
    assert prompt_in_mlflow("mlflow/prompt-2024") == {"prompt-2024", "2024"}
