"""Jobs over HTTP: submitted once, watched, cancelled."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.models import Image, Job, Outbox, Subject
from photogen_tasks.storage import storage
from tests.api.conftest import Caller

many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def count(table: Any) -> int:
    with read_scope() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_submitted_job_is_accepted_and_can_be_watched(both: Callable[[str], Caller]) -> None:
    caller = both("alice")
    answer = caller.submit(photos=caller.photos(3), class_noun="woman", seed=7)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["status"], job["progress"], job["line"]) == ("queued", 0.0, "waiting for preprocess")
    assert [stage["name"] for stage in job["stages"]] == [
        "preprocess",
        "matte",
        "train",
        "generate",
        "upscale",
    ]
    assert job["params"]["seed"] == 7
    assert job["created_at"].endswith("Z")
    assert caller.http.get(answer.headers["Location"]).json() == job
    assert count(Outbox) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"photos": []}, 422, "bad_photo_count"),
        ({"photos": ["0" * 32]}, 422, "photo_unusable"),
        ({"photos": ["0" * 32] * 21}, 422, "invalid_request"),
        ({"photos": ["../../etc"]}, 422, "invalid_request"),
        ({"kind": "generate"}, 422, "subject_missing"),
        ({"kind": "generate", "subject": "0" * 32}, 404, "not_found"),
        ({"kind": "video"}, 422, "invalid_request"),
        ({"subject": "0" * 32}, 422, "subject_not_wanted"),
        ({"prompts": [], "style": "no-such"}, 422, "unknown_style"),
        ({"style": "no-such"}, 422, "unknown_style"),
        ({"prompts": ["a photo of somebody"]}, 422, "prompt_without_token"),
        ({"prompts": ["{token}"] * 16, "num_images_per_prompt": 8}, 422, "invalid_request"),
        ({"prompts": ["{token} (tall:11)"]}, 422, "invalid_request"),
        ({"prompts": ["{token} <lora:no-such:1>"]}, 422, "unknown_lora"),
        ({"colour": "red"}, 422, "invalid_request"),
        ({"seed": 2**31}, 422, "invalid_request"),
        ({"seed": True}, 422, "bad_photo_count"),
    ],
)
def test_what_cannot_run_is_refused(caller: Caller, body: dict[str, Any], status: int, code: str) -> None:
    answer = caller.submit(**body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert count(Job) == count(Subject) == 0


def test_a_prompt_that_cannot_be_drawn_names_its_field(caller: Caller) -> None:
    told = caller.submit(prompts=["{token}", "{token} (tall:11)"]).json()["errors"]
    assert [(error["where"], error["code"]) for error in told] == [("body.prompts.1", "weight_out_of_range")]
    assert "beyond 10" in told[0]["what"]
    assert "prompts.1" in caller.submit(prompts=["{token}", "{token} <lora:no-such:1>"]).json()["detail"]


def test_an_unknown_style_names_the_known_ones(caller: Caller) -> None:
    detail = caller.submit(prompts=[], style="no-such").json()["detail"]
    assert "demo" in detail


def test_a_photo_serves_one_job(caller: Caller) -> None:
    photos = caller.photos(2)
    assert caller.submit(photos=photos[:1]).status_code == 202
    assert caller.submit(photos=photos).json()["code"] == "photo_unusable"
    assert caller.submit(photos=photos[1:]).status_code == 202


def test_a_photo_that_was_never_uploaded_is_named(caller: Caller) -> None:
    announced = caller.announce(2)
    answer = caller.submit(photos=[upload["photo"] for upload in announced])
    assert answer.json()["code"] == "photo_not_uploaded"
    assert "0.jpg, 1.jpg" in answer.json()["detail"]


def test_a_generate_job_needs_a_trained_subject(caller: Caller) -> None:
    first = caller.job()
    body = {"kind": "generate", "subject": first["subject"]}
    assert caller.submit(**body).json()["code"] == "subject_untrained"
    caller.end(first["id"])
    answer = caller.submit(**body)
    assert answer.status_code == 202
    assert [stage["name"] for stage in answer.json()["stages"]] == ["generate", "upscale"]
    assert caller.submit(photos=caller.photos(), **body).json()["code"] == "photos_not_wanted"


def test_the_same_key_and_body_answer_the_same_job(caller: Caller) -> None:
    photos = caller.photos()
    first = caller.submit("order-1", photos=photos)
    again = caller.submit("order-1", photos=photos)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert count(Job) == 1


def test_the_same_key_with_another_body_is_refused(caller: Caller) -> None:
    photos = caller.photos()
    caller.submit("order-1", photos=photos)
    answer = caller.submit("order-1", photos=photos, seed=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")


def test_a_refused_submission_does_not_use_its_key_up(caller: Caller) -> None:
    assert caller.submit("order-1", photos=[]).status_code == 422
    assert caller.submit("order-1", photos=caller.photos()).status_code == 202


def test_the_key_of_a_deleted_job_stays_used(caller: Caller) -> None:
    photos = caller.photos()
    job = caller.submit("order-1", photos=photos).json()
    caller.http.delete(f"/v1/jobs/{job['id']}")
    assert caller.submit("order-1", photos=photos).json()["code"] == "job_deleted"


def test_keys_belong_to_their_tenant(caller: Caller, stranger: Caller) -> None:
    mine, theirs = caller.photos(), stranger.photos()
    assert caller.submit("order-1", photos=mine).status_code == 202
    assert stranger.submit("order-1", photos=theirs).status_code == 202


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 101, "é"])
def test_a_key_of_the_wrong_shape_is_refused(caller: Caller, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = caller.http.post("/v1/jobs", json={"photos": []}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_parallel_requests_with_one_key_make_one_job(both: Callable[[str], Caller]) -> None:
    caller = both("alice")
    photos = caller.photos()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: caller.submit("order-1", photos=photos), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert count(Job) == count(Subject) == 1


def test_jobs_are_listed_newest_first_page_by_page(both: Callable[[str], Caller]) -> None:
    caller = both("alice")
    made = [caller.job()["id"] for _ in range(5)]
    seen: list[str] = []
    before: str | None = None
    while True:
        query = {"limit": 2} | ({"before": before} if before else {})
        page = caller.http.get("/v1/jobs", params=query).json()
        seen += [job["id"] for job in page["jobs"]]
        before = page["next_before"]
        if before is None:
            break
    assert seen == made[::-1]


def test_jobs_are_listed_by_status(caller: Caller) -> None:
    first, second = caller.job(), caller.job()
    caller.end(first["id"])
    for status, expected in (("succeeded", [first["id"]]), ("queued", [second["id"]]), ("failed", [])):
        page = caller.http.get("/v1/jobs", params={"status": status}).json()
        assert [job["id"] for job in page["jobs"]] == expected


def test_images_come_with_links_that_work(caller: Caller) -> None:
    job = caller.job()
    assert caller.http.get(f"/v1/jobs/{job['id']}/images").json() == {"images": []}
    caller.end(job["id"])
    with read_scope() as session:
        key = session.scalars(select(Image.key)).one()
    storage().put_if_absent(key, b"\x89PNG")
    image = caller.http.get(f"/v1/jobs/{job['id']}/images").json()["images"][0]
    assert (image["width"], image["height"], image["seed"]) == (8, 8, 3)
    assert caller.http.get(image["url"]).content == b"\x89PNG"


def test_a_queued_job_is_cancelled_at_once_and_for_good(caller: Caller) -> None:
    job = caller.job()
    for _ in range(2):
        answer = caller.http.post(f"/v1/jobs/{job['id']}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    assert {stage["status"] for stage in answer.json()["stages"]} == {"cancelled"}
    assert answer.json()["ended_at"] is not None


def test_a_finished_job_stays_as_it_is_when_cancelled(caller: Caller) -> None:
    job = caller.job()
    caller.end(job["id"])
    assert caller.http.post(f"/v1/jobs/{job['id']}/cancel").json()["status"] == "succeeded"


def test_a_page_goes_on_when_its_last_job_was_deleted(caller: Caller) -> None:
    older, newer = caller.job(), caller.job()
    caller.http.delete(f"/v1/jobs/{newer['id']}")
    page = caller.http.get("/v1/jobs", params={"before": newer["id"]})
    assert page.status_code == 200
    assert [job["id"] for job in page.json()["jobs"]] == [older["id"]]


names = st.sampled_from(
    [
        *("kind", "class_noun", "style", "prompts", "num_images_per_prompt", "seed", "method", "photos", "subject"),
        *(
            "negative_prompt",
            "sampler",
            "num_inference_steps",
            "guidance_scale",
            "width",
            "height",
            "hires",
            "face_pass",
        ),
    ]
)
words = st.sampled_from(["portrait", "train", "generate", "demo", "lora", "0" * 32, "{token}"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | words
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner), max_leaves=8)


@many
@given(body=st.dictionaries(names | st.text(max_size=10), values, max_size=6))
def test_no_body_is_a_server_error(caller: Caller, body: dict[str, Any]) -> None:
    import json

    content = json.dumps(body).encode()
    answer = caller.http.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500


@many
@given(content=st.binary(max_size=200), content_type=st.sampled_from(["application/json", "text/plain", ""]))
def test_no_bytes_are_a_server_error(caller: Caller, content: bytes, content_type: str) -> None:
    answer = caller.http.post("/v1/jobs", content=content, headers={"Content-Type": content_type})
    assert 400 <= answer.status_code < 500


def test_a_deep_body_is_no_server_error(caller: Caller) -> None:
    content = b'{"photos":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    answer = caller.http.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500


def test_any_prompt_fits_either_database(both: Callable[[str], Caller]) -> None:
    caller = both("alice")
    for text in (
        "snow \u2603 \U0001f9d1 {token}",
        "'; drop table jobs; -- {token}",
        "\u202e{token}",
    ):
        job = caller.job(prompts=[text])
        assert caller.http.get(f"/v1/jobs/{job['id']}").json()["params"]["prompts"] == [text]


def test_ids_that_are_none_do_not_reach_the_database(both: Callable[[str], Caller]) -> None:
    caller = both("alice")
    for name in ("%00", "0" * 31, "0" * 33, "G" * 32, "%F0%9F%A7%91", "a" * 3000):
        assert caller.http.get(f"/v1/jobs/{name}").status_code == 422
        assert caller.http.get("/v1/jobs", params={"before": name}).status_code == 422
    with session_scope() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0
