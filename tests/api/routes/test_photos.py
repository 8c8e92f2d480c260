"""Photos are judged before a job exists, and a job's photos show their verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from photogen_tasks import inspection
from photogen_tasks.db import session_scope
from photogen_tasks.models import Job, Photo
from tests.api.conftest import Caller

VERDICT: dict[str, Any] = {
    "number": 1,
    "source": "photo",
    "verdict": "refused",
    "size": [400, 300],
    "findings": [{"code": "no_face", "hard": True, "sentence": "We found no face in this photo.", "advice": "Again."}],
    "faces": [{"x": 1.5, "y": 2, "width": 30, "height": 40, "score": 0.9}],
    "scores": {"blur": 0.4},
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, broker: str) -> None:
    """No worker runs here: the route must not wait for one."""
    monkeypatch.setattr(inspection, "WAIT_SECONDS", 0.1)


def judged(photo_id: str) -> None:
    with session_scope() as session:
        session.get_one(Photo, photo_id).verdict = VERDICT


def test_verdicts_come_at_once_or_later(caller: Caller, impatient: None) -> None:
    photo_id, other = caller.photos(2)
    judged(photo_id)
    answer = caller.http.post("/v1/photos/inspect", json={"photos": [photo_id]})
    assert answer.status_code == 200
    (photo,) = answer.json()["photos"]
    assert (photo["id"], photo["verdict"], photo["size"]) == (photo_id, "refused", [400, 300])
    assert photo["findings"] == VERDICT["findings"]
    assert "source" not in photo
    later = caller.http.post("/v1/photos/inspect", json={"photos": [other, photo_id]})
    assert (later.status_code, later.headers["Retry-After"]) == (202, "2")
    assert [photo["verdict"] for photo in later.json()["photos"]] == [None, "refused"]


def test_strangers_and_nonsense_are_refused(caller: Caller, stranger: Caller, impatient: None) -> None:
    photo_id = caller.photos()[0]
    assert stranger.http.post("/v1/photos/inspect", json={"photos": [photo_id]}).status_code == 404
    for body in ({}, {"photos": []}, {"photos": ["x"]}, {"photos": [photo_id] * 21}):
        assert caller.http.post("/v1/photos/inspect", json=body).status_code == 422


def test_without_a_broker_the_answer_is_503(caller: Caller) -> None:
    answer = caller.http.post("/v1/photos/inspect", json={"photos": caller.photos()})
    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")


def test_a_jobs_photos_show_their_verdicts(caller: Caller, stranger: Caller) -> None:
    photos = caller.photos(2)
    job = caller.submit(photos=photos).json()["id"]
    judged(photos[1])
    answer = caller.http.get(f"/v1/jobs/{job}/photos")
    assert [(photo["id"], photo["verdict"]) for photo in answer.json()["photos"]] == [
        (photos[0], None),
        (photos[1], "refused"),
    ]
    assert answer.json()["sheet"] is None
    assert stranger.http.get(f"/v1/jobs/{job}/photos").status_code == 404


def test_the_verdict_on_the_set_and_the_sheet_come_with_them(caller: Caller) -> None:
    job = caller.submit(photos=caller.photos()).json()["id"]
    assert caller.http.get(f"/v1/jobs/{job}/photos").json()["set"] is None
    told = {
        "verdict": "refused",
        "accepted": 0,
        "photos": 1,
        "findings": [{"code": "too_few_photos", "hard": True, "sentence": "We need 4.", "advice": "Add more."}],
        "variety": {},
        "advice": "Add four photos of one person.",
    }
    with session_scope() as session:
        row = session.get_one(Job, job)
        row.photo_set, row.photo_sheet = told, f"tenants/{caller.tenant}/jobs/{job}/preprocess/a2/photos.jpg"
    answer = caller.http.get(f"/v1/jobs/{job}/photos").json()
    assert answer["set"] == told
    assert f"jobs/{job}/preprocess/a2/photos.jpg" in answer["sheet"]
