"""Signed links to local files: what S3 does by itself at full size. A signature is the only way in."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile

from api.errors import responses
from photogen_tasks import storage_local
from photogen_tasks.config import settings
from photogen_tasks.errors import NotFound, UsageError
from photogen_tasks.storage import storage

router = APIRouter(tags=["photos"])
# By extension and nothing else: what a customer sent never chooses how a browser reads it.
MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
DOWNLOAD = "application/octet-stream"
FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        }
    },
}

Expires = Annotated[int, Query(ge=0, lt=2**63, description="Seconds since 1970.")]
Signature = Annotated[str, Query(pattern=r"^[0-9a-f]{64}$")]
LinkName = Annotated[str, Query(max_length=200)]


@router.get("/files/{key:path}", response_class=FileResponse, responses=responses(403, 404, 422))
def send_file(key: str, expires: Expires, signature: Signature, filename: LinkName = "") -> FileResponse:
    """A file behind a signed link, as `GET /v1/jobs/{id}/images` gives it."""
    path = _open_link("GET", key, filename, expires, signature)
    if not path.is_file():
        raise NotFound("file", filename or "behind this link")
    media_type = MEDIA_TYPES.get(PurePosixPath(key).suffix, DOWNLOAD)
    return FileResponse(
        path,
        media_type=media_type,
        filename=filename or path.name,
        content_disposition_type="attachment" if media_type == DOWNLOAD else "inline",
        headers={
            "Cache-Control": f"private, max-age={settings().presign_seconds}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


@router.post(
    "/files/{key:path}",
    status_code=204,
    responses=responses(403, 404, 413, 422),
    openapi_extra={"requestBody": FORM},
)
async def receive_file(
    request: Request, key: str, expires: Expires, signature: Signature, filename: LinkName = ""
) -> Response:
    """One photo, as a form with the part `file`, to a link that `POST /v1/uploads` gave."""
    _open_link("POST", key, filename, expires, signature)
    # Read only now: without a signature not one byte is taken in.
    async with request.form(max_files=1, max_fields=20) as form:
        part = form.get("file")
        if not isinstance(part, UploadFile) or not part.size:
            raise UsageError("file_missing", "Send the photo as the form's part `file`; it must not be empty.")
        if part.size > settings().max_upload_bytes:
            raise UsageError("photo_too_large", _too_large(), status=413)
        await run_in_threadpool(_keep, part.file, key)
    return Response(status_code=204)


def _too_large() -> str:
    return f"A photo has at most {settings().max_upload_bytes} bytes."


def _open_link(verb: str, key: str, filename: str, expires: int, signature: str) -> Path:
    """The local path of a signed link. Raises UsageError: 403 for a bad signature, 404 on S3."""
    store = storage()
    if not isinstance(store, storage_local.LocalStorage):
        raise NotFound("file", "here: storage gives its own links")
    if not storage_local.verify(verb, key, filename, expires, signature):
        raise UsageError("link_invalid", "This link is not ours or has expired: ask for a new one.", status=403)
    return store.path(key)


def _keep(file: BinaryIO, key: str) -> None:
    with tempfile.NamedTemporaryFile(prefix="photogen-upload-") as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        storage().put_file(key, Path(copy.name), DOWNLOAD)
