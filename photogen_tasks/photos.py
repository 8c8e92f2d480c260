"""Photos that come in: rows before the upload, marks after it. Pixels are the preprocess stage's business."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import UsageError
from photogen_tasks.models import Photo, db_now, new_id
from photogen_tasks.storage import photo_key, storage


def create(session: Session, tenant_id: str, filenames: Sequence[str]) -> list[Photo]:
    """One row for each photo that is about to be uploaded, in order."""
    made = []
    for filename in filenames:
        photo_id = new_id()
        made.append(Photo(id=photo_id, tenant_id=tenant_id, key=photo_key(tenant_id, photo_id), filename=filename))
    session.add_all(made)
    session.flush()
    return made


def mark_uploaded(tenant_id: str, photo_ids: Sequence[str]) -> None:
    """Look which of the tenant's photos lie in storage by now, and mark them. Unknown ids are passed over.

    Raises:
        UsageError: a photo was announced and never uploaded.
        TransientError: storage cannot be reached.
    """
    with read_scope() as session:
        waiting = session.scalars(
            select(Photo).where(Photo.id.in_(photo_ids), Photo.tenant_id == tenant_id, Photo.uploaded_at.is_(None))
        ).all()
    # Asked outside any transaction: storage may be slow, and SQLite has one writer.
    sizes = {photo.id: storage().size(photo.key) for photo in waiting}
    names = {photo.id: photo.filename for photo in waiting if not sizes[photo.id]}
    absent = [names[photo_id] for photo_id in photo_ids if photo_id in names]
    if absent:
        raise UsageError("photo_not_uploaded", f"Upload {', '.join(absent)} first.")
    with session_scope() as session:
        for photo in waiting:
            marked = session.get(Photo, photo.id)
            if marked is not None:
                marked.bytes, marked.uploaded_at = sizes[photo.id], db_now()
