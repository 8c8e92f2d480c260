"""Photos judged before a job exists, so that nobody waits an hour to learn that photo 3 shows two people."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.deps import Tenant
from api.errors import Answers, responses
from api.schemas import InspectIn, PhotoOut, PhotosOut
from photogen_tasks import inspection

router = APIRouter(tags=["photos"])
LATER: Answers = {202: {"model": PhotosOut, "description": "Some verdicts are not there yet: ask again."}}


@router.post("/photos/inspect", responses=LATER | responses(401, 404, 422, 503))
def inspect_photos(tenant: Tenant, body: InspectIn, response: Response) -> PhotosOut:
    """Judge uploaded photos one by one, within five seconds. It costs nothing, and a job is not needed."""
    found = inspection.inspect(tenant, body.photos)
    if any(photo.verdict is None for photo in found):
        response.status_code = 202
        response.headers["Retry-After"] = "2"
    return PhotosOut(photos=[PhotoOut.of(photo) for photo in found])
