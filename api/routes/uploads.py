"""Photos in: announce them, learn where to send each. The bytes go to storage, not through here."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import Tenant
from api.errors import responses
from api.schemas import UploadIn, UploadOut, UploadsOut
from photogen_tasks import photos
from photogen_tasks.config import settings
from photogen_tasks.db import session_scope
from photogen_tasks.errors import UsageError
from photogen_tasks.models import Photo
from photogen_tasks.storage import storage

router = APIRouter(tags=["photos"])


@router.post("/uploads", status_code=201, responses=responses(401, 413, 422, 503))
def announce_photos(tenant: Tenant, body: UploadIn) -> UploadsOut:
    """Announce up to 20 photos of one person. Send each with the form POST it gets; then submit a job."""
    limit = settings().max_upload_bytes
    for file in body.files:
        if file.bytes is not None and file.bytes > limit:
            raise UsageError("photo_too_large", f"{file.filename} is larger than {limit} bytes.", status=413)
    with session_scope() as session:
        made = photos.create(session, tenant, [file.filename for file in body.files])
    return UploadsOut(
        uploads=[_upload(photo) for photo in made], max_bytes=limit, expires_in=settings().presign_seconds
    )


def _upload(photo: Photo) -> UploadOut:
    post = storage().presign_post(photo.key)
    return UploadOut(photo=photo.id, filename=photo.filename, url=post.url, fields=post.fields)
