"""What makes a model version this one, and not another."""

from twinline.language.identity import model_digest
from twinline.language.records import NewModelVersion


def identity_digest(new: NewModelVersion) -> str:
    """The digest over what must never change under a version's number."""
    return model_digest(
        name=new.name,
        source=new.source,
        source_uri=new.source_uri,
        pinned=new.pinned,
        run=new.run.id if new.run else None,
    )
