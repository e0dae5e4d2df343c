"""The scenes of the demo: each shows one thing that the catalog is for, in a few seconds.

A scene is a module. Its docstring's first line is the heading that is printed, ``NEEDS``
names the scenes whose outcome it begins with, and ``play`` types commands and requires of
the catalog what their output shows. Reading the list of them imports neither MLflow nor
scikit-learn, so a scene imports what does within ``play``, where they are loaded already.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from twinline.cli.demo.scenes import (
    evaluations,
    exports,
    impact,
    looking_back,
    mlflow,
    prompts,
    recall,
    releases,
    rollback,
    routing,
)
from twinline.cli.demo.stage import Stage
from twinline.language.nearest import not_found


@dataclass(frozen=True)
class Scene:
    """One scene: its name on the command line, its heading, and what it begins with."""

    name: str
    heading: str
    needs: tuple[str, ...]
    play: Callable[[Stage], None]


class _Module(Protocol):
    @property
    def __name__(self) -> str: ...
    @property
    def NEEDS(self) -> tuple[str, ...]: ...  # noqa: N802 -- a module's constant
    def play(self, stage: Stage, /) -> None: ...


def _scene(module: _Module) -> Scene:
    assert module.__doc__
    name = module.__name__.rpartition(".")[2].replace("_", "-")
    heading = module.__doc__.partition("\n")[0].rstrip(".")
    return Scene(name, heading, module.NEEDS, module.play)


SCENES = tuple(
    map(
        _scene,
        (
            releases,
            impact,
            rollback,
            looking_back,
            evaluations,
            prompts,
            routing,
            mlflow,
            recall,
            exports,
        ),
    )
)
"""In the order in which they are played; each comes after what it needs."""


def named(name: str) -> Scene:
    """The scene of that name.

    Raises:
        NotFound: there is none; the message names the nearest.
    """
    found = {scene.name: scene for scene in SCENES}
    if name not in found:
        raise not_found("scene", name, found)
    return found[name]


def with_needs(names: Iterable[str]) -> tuple[Scene, ...]:
    """These scenes and all that they need, in the order in which they are played."""
    wanted, left = set[str](), [named(name) for name in names]
    while left:
        scene = left.pop()
        wanted.add(scene.name)
        left += map(named, scene.needs)
    return tuple(scene for scene in SCENES if scene.name in wanted)
