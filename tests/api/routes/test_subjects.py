"""Subjects outlive their jobs and go when asked to."""

from __future__ import annotations

from collections.abc import Callable

from photogen_tasks.storage import storage
from tests.api.conftest import Caller


def test_a_subject_is_there_from_the_job_on(both: Callable[[str], Caller]) -> None:
    caller = both("alice")
    job = caller.job(class_noun="woman")
    found = caller.http.get(f"/v1/subjects/{job['subject']}").json()
    assert (found["class_noun"], found["base_model"], found["trained"]) == ("woman", "pocket", False)
    caller.end(job["id"])
    assert caller.http.get("/v1/subjects").json() == {
        "subjects": [found | {"trained": True}],
        "next_before": None,
    }


def test_subjects_are_listed_newest_first_page_by_page(caller: Caller) -> None:
    made = [caller.job()["subject"] for _ in range(3)]
    first = caller.http.get("/v1/subjects", params={"limit": 2}).json()
    second = caller.http.get("/v1/subjects", params={"limit": 2, "before": first["next_before"]}).json()
    seen = [subject["id"] for page in (first, second) for subject in page["subjects"]]
    assert seen == made[::-1]
    assert second["next_before"] is None


def test_a_deleted_subject_is_gone_with_its_weights(both: Callable[[str], Caller]) -> None:
    caller = both("alice")
    job = caller.job()
    caller.end(job["id"])
    prefix = f"tenants/{caller.tenant}/subjects/{job['subject']}/"
    storage().put_if_absent(prefix + "a1/w.safetensors", b"w")
    path = f"/v1/subjects/{job['subject']}"
    assert caller.http.delete(path).status_code == 204
    assert list(storage().keys(prefix)) == []
    assert caller.http.get(path).status_code == caller.http.delete(path).status_code == 404
    assert caller.submit(kind="generate", subject=job["subject"]).status_code == 404
    assert caller.http.get(f"/v1/jobs/{job['id']}").status_code == 200


def test_a_subject_in_use_stays(caller: Caller) -> None:
    job = caller.job()
    answer = caller.http.delete(f"/v1/subjects/{job['subject']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "subject_in_use")
    caller.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert caller.http.delete(f"/v1/subjects/{job['subject']}").status_code == 204
