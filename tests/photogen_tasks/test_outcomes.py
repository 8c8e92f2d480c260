"""What upscale tells of its images becomes rows: evidence, how many were accepted; older outputs tell neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from photogen_tasks import db, erase, held_job, jobs, outcomes
from photogen_tasks.manifests import keep
from photogen_tasks.models import Image, Job, Subject
from photogen_tasks.stages import Stage
from photogen_tasks.storage import stage_prefix, storage, subject_prefix
from tests.photogen_tasks.conftest import Customer

DRAWN = {"width": 8, "height": 8, "prompt": "a photo", "seed": 3}
EVIDENCE = {"verdict": "accepted", "scores": {"likeness": 0.7}, "reasons": []}
DELIVERY = {"wanted": 3, "drawn": 5, "accepted": 2, "rejected": {"unlike": 3}}


def recorded(customer: Customer, job_id: str, folder: Path, told: dict[str, Any]) -> None:
    """As if upscale had committed images.json with `told`."""
    for image in told["images"]:
        (folder / image["file"]).write_bytes(b"an image")
    (folder / "images.json").write_text(json.dumps(told))
    kept = keep(storage(), stage_prefix(customer.tenant_id, job_id, Stage.UPSCALE, 1), folder)
    with db.session_scope() as session:
        job = held_job.locked(session.connection(), job_id, Stage.UPSCALE)
        assert job is not None
        outcomes.record(session, job, Stage.UPSCALE, 1, folder, kept)


def rows(job_id: str) -> tuple[list[Any], Any]:
    """The images' evidence in order, and the job's delivery."""
    with db.read_scope() as session:
        found = session.scalars(select(Image).where(Image.job_id == job_id).order_by(Image.position)).all()
        return [image.evidence for image in found], session.get_one(Job, job_id).delivery


def test_evidence_and_delivery_become_rows(customer: Customer, tmp_path: Path) -> None:
    job_id = customer.job()
    images = [{"file": f"{n}.png", **DRAWN, "evidence": EVIDENCE if n else None} for n in range(2)]
    recorded(customer, job_id, tmp_path, {"images": images, "delivery": DELIVERY})
    assert rows(job_id) == ([None, EVIDENCE], DELIVERY)


def test_outputs_without_evidence_are_recorded_all_the_same(customer: Customer, tmp_path: Path) -> None:
    job_id = customer.job()
    recorded(customer, job_id, tmp_path, {"images": [{"file": "1.png", **DRAWN}]})
    assert rows(job_id) == ([None], None)


def test_a_job_without_an_accepted_image_still_says_what_was_drawn(customer: Customer, tmp_path: Path) -> None:
    job_id = customer.job()
    nothing = DELIVERY | {"accepted": 0, "rejected": {"unlike": 5}}
    recorded(customer, job_id, tmp_path, {"images": [], "delivery": nothing})
    assert rows(job_id) == ([], nothing)


@pytest.mark.parametrize("keep_subject", [False, True])
def test_a_subjects_faces_go_with_its_weights(customer: Customer, tmp_path: Path, keep_subject: bool) -> None:
    job_id = customer.job()
    (tmp_path / "faces.json").write_text("{}")
    (tmp_path / "pytorch_lora_weights.safetensors").write_bytes(b"weights")
    with db.session_scope() as session:
        subject_id = session.get_one(Job, job_id).subject_id
        prefix = f"{subject_prefix(customer.tenant_id, subject_id)}{job_id}/a1/"
        kept = keep(storage(), prefix, tmp_path)
        session.execute(update(Subject).where(Subject.id == subject_id).values(weights_manifest=kept.key))
    faces = kept.key_of("faces.json")
    assert faces is not None
    with db.session_scope() as session:
        jobs.delete(session, jobs.get(session, customer.tenant_id, job_id), keep_subject=keep_subject)
    assert erase.erase(job_id)
    assert bool(storage().size(faces)) is keep_subject
