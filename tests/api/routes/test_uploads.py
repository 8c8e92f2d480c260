"""Photos are announced, then sent to storage by the link that came back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photogen_tasks.config import settings as ours
from photogen_tasks.db import read_scope
from photogen_tasks.models import Photo
from photogen_tasks.storage import Storage
from tests.api.conftest import Caller

# The function's fixtures serve all examples: rows only pile up.
many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_announced_photos_get_a_place_each(caller: Caller) -> None:
    answer = caller.http.post("/v1/uploads", json={"files": [{"filename": "a.jpg"}, {"filename": "Ä ö.HEIC"}]})
    assert answer.status_code == 201
    found = answer.json()
    assert [upload["filename"] for upload in found["uploads"]] == ["a.jpg", "Ä ö.HEIC"]
    assert len({upload["url"] for upload in found["uploads"]}) == 2
    assert found["max_bytes"] == ours().max_upload_bytes
    with read_scope() as session:
        for upload in found["uploads"]:
            photo = session.get_one(Photo, upload["photo"])
            assert photo.tenant_id == caller.tenant
            assert photo.uploaded_at is None


def test_a_photo_goes_to_storage_of_either_kind(caller: Caller, objects: Storage) -> None:
    upload = caller.announce()[0]
    if "/v1/files/" in upload["url"]:
        sent: Any = caller.http.post(upload["url"], data=upload["fields"], files={"file": b"pixels"})
    else:
        sent = httpx.post(upload["url"], data=upload["fields"], files={"file": b"pixels"})
    assert sent.status_code == 204
    assert caller.submit(photos=[upload["photo"]]).status_code == 202
    with read_scope() as session:
        photo = session.get_one(Photo, upload["photo"])
        assert photo.bytes == 6
        assert objects.get_bytes(photo.key) == b"pixels"


@pytest.mark.parametrize(
    "files",
    [
        [],
        [{"filename": "x.jpg"}] * 21,
        [{"filename": ""}],
        [{"filename": "a\0b"}],
        [{"filename": "x" * 201}],
        [{}],
        "x",
    ],
)
def test_bad_announcements_are_refused(caller: Caller, files: object) -> None:
    assert caller.http.post("/v1/uploads", json={"files": files}).status_code == 422


def test_a_photo_too_large_is_refused_at_once(caller: Caller) -> None:
    files = [{"filename": "huge.tiff", "bytes": ours().max_upload_bytes + 1}]
    answer = caller.http.post("/v1/uploads", json={"files": files})
    assert (answer.status_code, answer.json()["code"]) == (413, "photo_too_large")


@many
@given(name=st.text(min_size=1, max_size=200))
def test_any_file_name_is_taken_or_refused(caller: Caller, name: str) -> None:
    answer = caller.http.post("/v1/uploads", json={"files": [{"filename": name}]})
    assert answer.status_code in (201, 422)
