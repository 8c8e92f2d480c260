"""What is known of images, over HTTP: scores, verdicts, how many were accepted."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from photogen_tasks.db import session_scope
from photogen_tasks.models import Image, Job
from tests.api.conftest import Caller

EVIDENCE: dict[str, Any] = {
    "verdict": "accepted",
    "scores": {"likeness": 0.71, "faces": 1, "adherence": None, "sharpness": 0.5, "unsafe": 0.55},
    "reasons": [{"code": "maybe_unsafe", "hard": False, "sentence": "The filter for nudity is unsure."}],
    "unmeasured": {"adherence": "The prompt names nothing that can be judged."},
    "domain": "drawn",
    "compared": {"photos": 1, "held_out": True},
}
DELIVERY: dict[str, Any] = {"wanted": 10, "drawn": 13, "accepted": 9, "rejected": {"unlike": 3, "blurry": 1}}


def ended(caller: Caller, *, evidence: Any = None, delivery: Any = None) -> str:
    """Id of a job that drew one image."""
    job_id: str = caller.job()["id"]
    caller.end(job_id)
    with session_scope() as session:
        session.execute(update(Image).where(Image.job_id == job_id).values(evidence=evidence))
        session.execute(update(Job).where(Job.id == job_id).values(delivery=delivery))
    return job_id


def test_an_image_tells_its_scores_and_reasons(caller: Caller) -> None:
    job_id = ended(caller, evidence=EVIDENCE)
    told = caller.http.get(f"/v1/jobs/{job_id}/images").json()["images"][0]["evidence"]
    assert told == {name: value for name, value in EVIDENCE.items() if name != "domain"}


def test_a_job_says_how_many_images_were_accepted(caller: Caller) -> None:
    job_id = ended(caller, delivery=DELIVERY)
    told = caller.http.get(f"/v1/jobs/{job_id}").json()
    assert told["delivery"] == DELIVERY | {"sentence": "9 of 10 images accepted"}
    assert told["line"] == "succeeded: 9 of 10 images accepted"
    assert caller.http.get("/v1/jobs").json()["jobs"][0]["delivery"] == told["delivery"]


def test_jobs_and_images_of_before_tell_neither(caller: Caller) -> None:
    job_id = ended(caller)
    told = caller.http.get(f"/v1/jobs/{job_id}").json()
    assert (told["delivery"], told["line"]) == (None, "succeeded")
    assert caller.http.get(f"/v1/jobs/{job_id}/images").json()["images"][0]["evidence"] is None


@pytest.mark.parametrize(
    "evidence", [{"verdict": "rejected", "scores": {}}, EVIDENCE | {"compared": None, "reasons": []}]
)
def test_sparse_evidence_is_told_too(caller: Caller, evidence: dict[str, Any]) -> None:
    job_id = ended(caller, evidence=evidence)
    told = caller.http.get(f"/v1/jobs/{job_id}/images").json()["images"][0]["evidence"]
    assert told["verdict"] == evidence["verdict"]
    assert set(told["scores"]) == set(EVIDENCE["scores"])


def test_a_strangers_evidence_is_not_shown(caller: Caller, stranger: Caller) -> None:
    job_id = ended(caller, evidence=EVIDENCE, delivery=DELIVERY)
    assert stranger.http.get(f"/v1/jobs/{job_id}/images").status_code == 404
