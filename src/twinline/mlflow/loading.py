"""The model and the prompt of a bundle, together, and only as the catalog knows them."""

# MLflow is half typed:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from twinline.client import Client
from twinline.language.errors import (
    MlflowUnavailable,
    NotFound,
    TwinlineError,
    VersionChanged,
)
from twinline.language.identity import digest_of, model_digest, pair_digest
from twinline.language.mlflow_names import model_in_mlflow
from twinline.language.records import ServedBundle
from twinline.language.refs import BundleRef, ModelVersionRef
from twinline.mlflow.prompts import as_mlflow

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, PromptVersion
    from mlflow.pyfunc import PyFuncModel


@dataclass(frozen=True)
class Loaded:
    """A bundle, ready to answer: its model and its prompt as MLflow's own objects."""

    bundle: ServedBundle
    model: "PyFuncModel"
    prompt: "PromptVersion"


class Loader:
    """Loads what bundles name, after checking that it is still the same.

    A bundle's name is the digest of both sides. It is taken again, from what MLflow says
    now of the model version (its run and its source, which names the LoggedModel) and from
    the content of the prompt; unless it comes out the same, nothing is loaded. So no moved
    alias, no version that was deleted and made again and no edited template changes what a
    bundle does. Every bundle is loaded once; may be used by many threads.

    Args:
        client: asked for the catalog's digests when something differs, to say which side.
        keep: how many bundles stay loaded; the one that was used longest ago goes first.
    """

    def __init__(self, client: Client, *, keep: int = 4) -> None:
        self._client = client
        self._keep = keep
        self._loaded: OrderedDict[BundleRef, Loaded] = OrderedDict()
        self._loading = threading.Lock()

    def load(self, bundle: ServedBundle) -> Loaded:
        """The model and the prompt of a bundle, as ``call.bundle`` gives it.

        Raises:
            VersionChanged: MLflow or the bundle holds something else than the catalog.
            NotFound: MLflow has no such model version; a provider's model is not loaded.
            MlflowUnavailable: MLflow does not answer.
            Invalid: MLflow has no form for the prompt.
        """
        with self._loading:
            known = self._loaded.get(bundle.ref)
            if known is None or known.bundle != bundle:
                known = self._load(bundle)
                self._loaded[bundle.ref] = known
            self._loaded.move_to_end(bundle.ref)
            while len(self._loaded) > self._keep:
                self._loaded.popitem(last=False)
            return known

    def _load(self, bundle: ServedBundle) -> Loaded:
        import mlflow.pyfunc

        self._check(bundle)
        model = mlflow.pyfunc.load_model(bundle.model.uri)
        return Loaded(bundle, model, as_mlflow(bundle.prompt))

    def _check(self, bundle: ServedBundle) -> None:
        """Take the bundle's digest again."""
        model = _model_digest(bundle, _version(bundle))
        prompt = digest_of(bundle.prompt)
        taken = pair_digest(
            model=bundle.model.ref,
            model_digest=model,
            prompt=bundle.prompt.ref,
            prompt_digest=prompt,
            parameters=bundle.model.parameters,
        )
        if taken != bundle.ref.digest:
            self._say_what_changed(bundle, model, prompt)

    def _say_what_changed(self, bundle: ServedBundle, model: str, prompt: str) -> NoReturn:
        ref, text = bundle.model.ref, bundle.prompt.ref
        try:
            same_model = self._client.models.get(ref.name, ref.number).digest == model
            same_prompt = self._client.prompts.get(text.name, version=text.number).digest == prompt
        except TwinlineError:
            same_model = same_prompt = True
        if not same_model:
            what = f"{ref} has another source or run in MLflow than when it was registered"
        elif not same_prompt:
            what = f"{text} has another content here than in the catalog"
        else:
            what = f"{ref}, {text} or the parameters are not those that it was made of"
        raise VersionChanged(
            f"{bundle.ref} is not loaded: {what}. Register what is there now as a version of "
            "its own, and deploy a bundle with it.",
            name=str(bundle.ref),
            model_digest=model,
            prompt_digest=prompt,
        )


def _version(bundle: ServedBundle) -> "ModelVersion":
    """The model version as MLflow knows it now, by MLflow's own name for it.

    If it is another one there, on another server or made again, its digest says so.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    ref = bundle.model.ref
    folders, name = model_in_mlflow(ref.name)
    try:
        return mlflow.MlflowClient().get_model_version(name, str(ref.number))
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFound(
                f"MLflow at {mlflow.get_registry_uri()} has no models:/{name}/{ref.number}"
                f"{_where(ref, folders)}. If it is a provider's model, call {bundle.model.uri} "
                "by the provider's own library.",
                kind="MLflow model version",
                name=str(ref),
            ) from error
        raise MlflowUnavailable(
            f"MLflow at {mlflow.get_registry_uri()} does not say what {ref} is: {error}. Check "
            "that it is running and that MLFLOW_TRACKING_URI is its address."
        ) from error


def _where(ref: ModelVersionRef, folders: tuple[str, ...]) -> str:
    if not folders:
        return ""
    return (
        f", which would be {ref}: set MLFLOW_TRACKING_URI, and MLFLOW_WORKSPACE if it has any, "
        f"to what Twinline calls {'/'.join(folders)!r}"
    )


def _model_digest(bundle: ServedBundle, version: "ModelVersion") -> str:
    """As the catalog takes it of a version that it reads from MLflow."""
    return model_digest(
        name=bundle.model.ref.name,
        source="mlflow",
        source_uri=version.source or f"models:/{version.name}/{version.version}",
        pinned=True,
        run=version.run_id or None,
    )
