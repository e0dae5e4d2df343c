"""The style sheet, the script and the icon."""

from fastapi import APIRouter, Response

from twinline.web.static import ASSETS

router = APIRouter()


@router.get("/assets/{digest}/{name}")
def asset(digest: str, name: str) -> Response:
    """A file of ours; its address changes with its content."""
    found = ASSETS.get(f"/assets/{digest}/{name}")
    if found is None:
        return Response("No such file of ours.", 404, media_type="text/plain")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found.content, media_type=found.media_type, headers=headers)
