"""What belongs to one tenant does not exist for another, on any route."""

from __future__ import annotations

from collections.abc import Callable

from api.main import create_app
from tests.api.conftest import Caller

# Routes that name nothing of a tenant's, or answer only with the caller's own.
WITHOUT_ID = {
    "/v1/uploads",
    "/v1/photos/inspect",  # ids come in the body: see routes/test_photos.py
    "/v1/jobs",
    "/v1/subjects",
    "/v1/styles",
    "/v1/styles/{name}",
    "/v1/styles/{name}/preview",
    "/v1/files/{key}",
    "/healthz",
    "/readyz",
}


def test_no_route_knows_what_is_a_strangers(both: Callable[[str], Caller]) -> None:
    owner, stranger = both("alice"), both("bob")
    job = owner.job()
    owner.end(job["id"])
    checked = 0
    for path, verbs in create_app().openapi()["paths"].items():
        if path in WITHOUT_ID:
            continue
        named = path.format(job_id=job["id"], subject_id=job["subject"])
        absent = path.format(job_id="0" * 32, subject_id="0" * 32)
        for verb in verbs:
            answer = stranger.http.request(verb, named)
            assert answer.status_code == 404, (verb, path)
            other = stranger.http.request(verb, absent)
            assert answer.text.replace(job["id"], "").replace(job["subject"], "") == other.text.replace("0" * 32, "")
            checked += 1
    assert checked >= 6
    assert owner.http.get(f"/v1/jobs/{job['id']}").status_code == 200
    assert owner.http.get(f"/v1/subjects/{job['subject']}").json()["trained"]


def test_lists_show_the_callers_own(both: Callable[[str], Caller]) -> None:
    owner, stranger = both("alice"), both("bob")
    job = owner.job()
    assert stranger.http.get("/v1/jobs").json()["jobs"] == []
    assert stranger.http.get("/v1/subjects").json()["subjects"] == []
    assert stranger.http.get("/v1/jobs", params={"before": job["id"]}).status_code == 404
    assert stranger.http.get("/v1/subjects", params={"before": job["subject"]}).status_code == 404


def test_photos_and_subjects_of_others_cannot_be_used(both: Callable[[str], Caller]) -> None:
    owner, stranger = both("alice"), both("bob")
    photos = owner.photos()
    assert stranger.submit(photos=photos).json()["code"] == "photo_unusable"
    job = owner.submit(photos=photos).json()
    owner.end(job["id"])
    assert stranger.submit(kind="generate", subject=job["subject"]).status_code == 404
