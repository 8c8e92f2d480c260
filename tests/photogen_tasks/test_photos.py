"""Photos are announced as rows and marked once their bytes lie in storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from photogen_tasks import keys, photos
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import UsageError
from photogen_tasks.models import Photo
from photogen_tasks.storage import Storage


@pytest.fixture
def tenant(database: str) -> str:
    with session_scope() as session:
        found = keys.tenant_of(session, keys.create(session, "alice", ""))
    assert found is not None
    return found


def announced(tenant: str, *names: str) -> list[Photo]:
    with session_scope() as session:
        return photos.create(session, tenant, names)


def upload(storage: Storage, photo: Photo, folder: Path, data: bytes = b"pixels") -> None:
    file = folder / photo.id
    file.write_bytes(data)
    storage.put_file(photo.key, file, "application/octet-stream")


def marked(photo: Photo) -> Photo:
    with read_scope() as session:
        return session.get_one(Photo, photo.id)


def test_uploaded_photos_are_marked_with_their_size(tenant: str, objects: Storage, tmp_path: Path) -> None:
    first, second = announced(tenant, "a.jpg", "b.jpg")
    upload(objects, first, tmp_path)
    photos.mark_uploaded(tenant, [first.id])
    assert (marked(first).bytes, marked(first).uploaded_at is None) == (6, False)
    assert marked(second).uploaded_at is None
    when = marked(first).uploaded_at
    photos.mark_uploaded(tenant, [first.id])
    assert marked(first).uploaded_at == when


def test_photos_that_are_not_there_are_named_in_order(tenant: str, tmp_path: Path) -> None:
    made = announced(tenant, "a.jpg", "b.jpg", "c.jpg")
    with pytest.raises(UsageError, match=r"c\.jpg, a\.jpg") as refused:
        photos.mark_uploaded(tenant, [made[2].id, made[0].id])
    assert refused.value.code == "photo_not_uploaded"


def test_an_empty_object_is_no_photo(tenant: str, objects: Storage, tmp_path: Path) -> None:
    photo = announced(tenant, "a.jpg")[0]
    upload(objects, photo, tmp_path, b"")
    with pytest.raises(UsageError):
        photos.mark_uploaded(tenant, [photo.id])


def test_photos_of_others_are_not_looked_at(tenant: str) -> None:
    photo = announced(tenant, "a.jpg")[0]
    photos.mark_uploaded("f" * 32, [photo.id])
    photos.mark_uploaded(tenant, ["f" * 32])
    assert marked(photo).uploaded_at is None
