"""Jobs: submit, watch, cancel, delete. Their life is photogen_tasks' business; here it becomes HTTP."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from sqlalchemy.exc import IntegrityError

from api.deps import Before, JobId, Limit, Tenant
from api.errors import Answers, responses
from api.schemas import ImageOut, ImagesOut, JobIn, JobOut, JobPhotosOut, JobsOut
from photogen_tasks import erase, jobs, keys, photos, pipeline, prompts, styles
from photogen_tasks.config import settings
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import UsageError
from photogen_tasks.models import Image, Job
from photogen_tasks.params import MAX_IMAGES
from photogen_tasks.stages import JobKind, Status
from photogen_tasks.storage import storage

router = APIRouter(tags=["jobs"])
BEFORE: Answers = {200: {"model": JobOut, "description": "Submitted before under this key."}}
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,100}$",
        description="Any word of yours: the same key and body answer the same job, however often sent.",
        examples=["8f4d1c2e-order-1042"],
    ),
]


@router.post(
    "/jobs",
    status_code=202,
    responses=BEFORE | responses(401, 404, 409, 413, 422, 503),
)
def submit_job(tenant: Tenant, body: JobIn, response: Response, idempotency_key: IdempotencyKey = None) -> JobOut:
    """Submit a job on uploaded photos, or on a trained subject. The answer says where to watch it."""
    # Without defaults: a field that a later version adds must not make a retry another request.
    digest = hashlib.sha256(body.model_dump_json(exclude_defaults=True).encode()).hexdigest()
    job = _submitted_before(tenant, idempotency_key, digest)
    if job is not None:
        response.status_code = 200
    else:
        job, response.status_code = _submit(tenant, body, idempotency_key, digest)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return JobOut.of(job)


def _submit(tenant: str, body: JobIn, key: str | None, digest: str) -> tuple[Job, int]:
    _check_own_prompts(tenant, body)
    _check_drawing(tenant, body)
    photos.mark_uploaded(tenant, body.photos)
    try:
        job = pipeline.submit(
            tenant,
            body.params(),
            photo_ids=body.photos,
            subject_id=body.subject,
            idempotency_key=key,
            request_sha256=digest,
        )
        return job, 202
    except IntegrityError:
        # A parallel request with the same key came first; its job is the answer.
        earlier = _submitted_before(tenant, key, digest)
        if earlier is None:
            raise
        return earlier, 200


def _submitted_before(tenant: str, key: str | None, digest: str) -> Job | None:
    if key is None:
        return None
    with read_scope() as session:
        found = jobs.by_idempotency_key(session, tenant, key)
    if found is not None and found.request_sha256 != digest:
        raise UsageError("idempotency_key_reused", "This Idempotency-Key came with another body before.", status=409)
    if found is not None and found.deleted_at is not None:
        raise UsageError("job_deleted", "The job of this Idempotency-Key was deleted.", status=409)
    return found


CLASS_NOUNS = ("person", "man", "woman")  # to choose from, where customers write nothing


def _check_own_prompts(tenant: str, body: JobIn) -> None:
    """Raises UsageError with `own_prompts_off` for what was written where the tenant's customers may only choose."""
    # An empty negative prompt is one too: it stands in place of the style's.
    written = [name for name in ("prompts", "negative_prompt") if getattr(body, name) not in ((), None)]
    written += [] if body.class_noun in CLASS_NOUNS else ["class_noun"]  # it goes into every prompt
    if not written:
        return
    with read_scope() as session:
        may_write = keys.may_write_prompts(session, tenant)
    if not may_write:
        raise UsageError("own_prompts_off", f"{written[0]}: here images are drawn in styles only; leave it out.")


def _check_drawing(tenant: str, body: JobIn) -> None:
    """What generate would refuse is refused before anybody trains. Raises UsageError, NotFound."""
    if body.kind is JobKind.TRAIN:
        return
    base_model = _base_model(tenant, body)
    styles.check_drawable(base_model)
    style = styles.known(body.style, base_model)
    prompts.check(body.prompts)
    styles.check_size(body.width, body.height, base_model)
    count = len(body.prompts or style.prompts) * body.num_images_per_prompt
    if count > MAX_IMAGES:
        raise UsageError(
            "too_many_images", f"num_images_per_prompt: that is {count} images; a job draws up to {MAX_IMAGES}."
        )


def _base_model(tenant: str, body: JobIn) -> str:
    """The subject's; a new one is trained on that of the settings."""
    if body.kind is not JobKind.GENERATE or body.subject is None:
        return settings().base_model
    with read_scope() as session:
        return jobs.get_subject(session, tenant, body.subject).base_model


@router.get("/jobs", responses=responses(401, 404, 422, 503))
def list_jobs(
    tenant: Tenant,
    status: Annotated[Status | None, Query(description="Only jobs in this status.")] = None,
    before: Before = None,
    limit: Limit = 50,
) -> JobsOut:
    """Your jobs, newest first."""
    with read_scope() as session:
        found = jobs.listing(session, tenant, status=status, before=before, limit=limit + 1)
        page = [JobOut.of(job) for job in found[:limit]]
    return JobsOut(jobs=page, next_before=page[-1].id if len(found) > limit else None)


@router.get("/jobs/{job_id}", responses=responses(401, 404, 422, 503))
def get_job(tenant: Tenant, job_id: JobId) -> JobOut:
    """One job as it stands: stages, progress, error."""
    with read_scope() as session:
        return JobOut.of(jobs.get(session, tenant, job_id))


@router.get("/jobs/{job_id}/images", responses=responses(401, 404, 422, 503))
def list_images(tenant: Tenant, job_id: JobId) -> ImagesOut:
    """What the job drew, with short-lived links."""
    with read_scope() as session:
        found = jobs.images(session, tenant, job_id)
    return ImagesOut(images=[ImageOut.of(image, _link(image)) for image in found])


@router.get("/jobs/{job_id}/photos", responses=responses(401, 404, 422, 503))
def list_photos(tenant: Tenant, job_id: JobId) -> JobPhotosOut:
    """What the gate says of the job's photos, one by one and together, also when it refused them."""
    with read_scope() as session:
        job = jobs.get(session, tenant, job_id)
        found = jobs.photos(session, tenant, job_id)
    link = storage().presign_get(job.photo_sheet, f"{job_id[:8]}-photos.jpg") if job.photo_sheet else None
    return JobPhotosOut.of(job, found, link)


def _link(image: Image) -> str:
    suffix = image.key.rpartition(".")[2]
    return storage().presign_get(image.key, f"{image.job_id[:8]}-{image.position + 1:03d}.{suffix}")


@router.post("/jobs/{job_id}/cancel", status_code=202, responses=responses(401, 404, 422, 503))
def cancel_job(tenant: Tenant, job_id: JobId) -> JobOut:
    """Ask for the end of a job. What runs stops at its next heartbeat; a job that is over stays as it is."""
    return JobOut.of(pipeline.cancel(tenant, job_id))


@router.delete("/jobs/{job_id}", status_code=204, responses=responses(401, 404, 422, 503))
def delete_job(
    tenant: Tenant,
    job_id: JobId,
    keep_subject: Annotated[bool, Query(description="Keep the trained person for generate jobs.")] = False,
) -> None:
    """Delete a job with its photos and images. What a worker still holds follows once it has stopped."""
    with session_scope() as session:
        jobs.delete(session, jobs.get(session, tenant, job_id), keep_subject=keep_subject)
    erase.erase_or_wait(job_id)
