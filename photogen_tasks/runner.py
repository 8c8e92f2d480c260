"""@stage_task: already done? take the lease, fetch, do, keep, write down how it ended. Alike for every stage."""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from sqlalchemy import bindparam, select
from sqlalchemy.exc import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from photogen_tasks import claims, erase, failpoints, manifests, outcomes, workers
from photogen_tasks.celery import app
from photogen_tasks.checkpoints import Checkpoints
from photogen_tasks.claims import Claim, Ref
from photogen_tasks.config import settings
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import FatalError, PhotogenError, TransientError, UsageError
from photogen_tasks.heartbeat import CANCELLED, DRAINING, Heartbeat, Stopped
from photogen_tasks.held_job import HeldJob
from photogen_tasks.models import Photo, new_id
from photogen_tasks.shared_content import StoredContent
from photogen_tasks.stage_params import stage_params
from photogen_tasks.stages import Stage
from photogen_tasks.storage import stage_prefix, storage, subject_prefix

log = structlog.get_logger()
PHOTO_KEYS = select(Photo.key).where(Photo.job_id == bindparam("job")).order_by(Photo.position)
# Disks that are full, broken or read-only, files that cannot be opened any more: another worker may have better luck.
MACHINES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
COMMIT_TRIES = 5  # an unclear commit is asked about this often, well within the lease
AGAIN_SECONDS = 1.0


class Report(Protocol):
    """on_step: progress in 0..1 and one line for people. Raises Stopped when the work must end."""

    def __call__(self, progress: float, line: str) -> None: ...


@dataclass(frozen=True)
class OpenStage:
    """What a stage's work gets: folders to read and to fill, plain params, and on_step.

    `checkpoints` is a flat folder that is carried to storage at every report. `shared` outlives the run and is every
    customer's: nothing of one person may lie there.
    """

    inputs: Path
    outputs: Path
    checkpoints: Path
    shared: StoredContent
    params: dict[str, Any]
    report: Report


Work = Callable[[OpenStage], None]


def stage_task(stage: Stage) -> Callable[[Work], Any]:
    """Make a stage's work into its Celery task: takes `ref`, returns `ref` so that the chain goes on."""

    def register(work: Work) -> Any:
        def task(ref: Ref) -> Ref:
            return run(stage, work, ref)

        task.__doc__ = work.__doc__
        return app.task(name=stage.task, Request="photogen_tasks.lost_child:StageRequest")(task)

    return register


def run(stage: Stage, work: Work, ref: Ref) -> Ref:
    """One delivery of one message.

    Raises:
        Ignore: this copy of the chain ends here.
        Reject: the database could not be asked; the message goes back to its queue.
    """
    structlog.contextvars.bind_contextvars(job=ref["job"], stage=stage.value)
    claim = _claim(ref, stage)
    if isinstance(claim, claims.Refusal):
        if claim.done:
            return ref
        log.info("message dropped; this copy of the chain ends", why=claim.why)
        raise Ignore()
    failpoints.enter(stage)
    failpoints.reach("after_claim")
    log.info("stage started", attempt=claim.attempt, fence=claim.fence)
    began = time.monotonic()
    succeeded = _attempt(claim, work)
    if stage is Stage.PREPROCESS:
        _erase_originals(claim.job_id)
    if not succeeded:
        raise Ignore()
    log.info("stage succeeded; the chain goes on", seconds=round(time.monotonic() - began, 2))
    return ref


def _claim(ref: Ref, stage: Stage) -> Claim | claims.Refusal:
    """A database that dies between commit and answer must not leave a lease that nobody knows to hold."""
    config, claim_id = settings(), new_id()
    for _ in range(COMMIT_TRIES):
        try:
            return claims.claim(ref, stage, config.worker_name, config.gpu, config.base_model, claim_id)
        except SQLAlchemyError as error:
            log.warning("claim unclear; asking again", error=str(error))
            time.sleep(AGAIN_SECONDS)
    log.error("no database to claim in; the message goes back")
    raise Reject("the database did not take the claim", requeue=True)


def _attempt(claim: Claim, work: Work) -> bool:
    """Do the work under the lease; True when it was committed. Every failure ends in a row."""
    try:
        with _folder(claim) as folder, Heartbeat(claim) as heartbeat, closing(_shared()) as shared:
            job = _job_of(claim)
            checkpoints = Checkpoints(storage(), job.tenant_id, claim, folder / "checkpoints")
            opened = _open(job, claim.stage, folder, shared, _reporting(heartbeat, checkpoints))
            checkpoints.restore()
            _work(work, claim, job, opened, checkpoints)
            heartbeat.check()
            kept = _keep(job, claim, opened.outputs)
            if kept:
                _drop(checkpoints)
            return kept
    except Stopped as stopped:
        _stop(claim, stopped.why)
    except Exception as error:  # the edge: whatever it was, the row must say so
        _write_down(claim, _classify(error))
    return False


def _work(work: Work, claim: Claim, job: HeldJob, opened: OpenStage, checkpoints: Checkpoints) -> None:
    try:
        work(opened)
    except Stopped as stopped:
        if stopped.why == DRAINING:  # told to stop, a training saves once more: the next worker goes on from there
            checkpoints.keep()
        raise
    except Exception as error:
        if claim.stage is Stage.PREPROCESS:
            _keep_verdicts(claim, job, opened.outputs)
        if isinstance(_classify(error), TransientError):  # the next attempt is told what this one learnt of itself
            with suppress(PhotogenError, OSError):
                checkpoints.keep(again=True)
        raise


def _keep_verdicts(claim: Claim, job: HeldJob, outputs: Path) -> None:
    """What the gate said of a set that it refused, and its sheet: the stage commits nothing else."""
    key = stage_prefix(job.tenant_id, job.id, claim.stage, claim.fence) + outcomes.SHEET
    with suppress(SQLAlchemyError, PhotogenError):  # the failure itself is what must be told
        has_sheet = (outputs / outcomes.SHEET).is_file()
        if has_sheet:
            storage().put_file(key, outputs / outcomes.SHEET, "image/jpeg")
        if not _write_verdicts(claim, job, outputs, key if has_sheet else None):
            storage().delete_prefix(key)


def _write_verdicts(claim: Claim, job: HeldJob, outputs: Path, sheet: str | None) -> bool:
    with session_scope() as session:
        claims.lock(session, job.id)
        if not claims.holds(session, claim):
            return False
        outcomes.record_verdicts(session, job.id, outputs)
        if sheet:
            outcomes.record_sheet(session, job.id, sheet)
        return True


def _erase_originals(job_id: str) -> None:
    try:
        erase.originals(job_id)
    except (PhotogenError, SQLAlchemyError) as error:
        log.warning("uploaded files not erased; housekeeping will", error=str(error))


def _drop(checkpoints: Checkpoints) -> None:
    """The stage is committed: a checkpoint that cannot be deleted now goes with the job, and fails nothing."""
    try:
        checkpoints.drop()
    except PhotogenError as error:
        log.warning("checkpoint not deleted; it goes with the job", error=error.sentence)


def _reporting(heartbeat: Heartbeat, checkpoints: Checkpoints) -> Report:
    """on_step: keep a new checkpoint first, so that a stop costs no train step that was saved."""

    def report(progress: float, line: str) -> None:
        if progress >= 0.5:
            failpoints.reach("mid_work")
        try:
            checkpoints.keep()
        except TransientError as error:  # the work itself is well: a later checkpoint will do
            log.warning("checkpoint not kept; the stage goes on", error=error.sentence)
        heartbeat.report(progress, line)

    return report


@contextmanager
def _folder(claim: Claim) -> Iterator[Path]:
    """A scratch folder of this stage run: nothing of a customer's stays behind on the worker."""
    work_dir = settings().work_dir
    if work_dir:
        work_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"photogen-{claim.stage}-", dir=work_dir))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _job_of(claim: Claim) -> HeldJob:
    assert claim.job is not None, "a lease that was just taken knows its job"
    return claim.job


def _shared() -> StoredContent:
    return StoredContent(storage(), settings().data_dir.absolute() / "cache")


def _open(job: HeldJob, stage: Stage, folder: Path, shared: StoredContent, report: Report) -> OpenStage:
    opened = OpenStage(
        inputs=folder / "inputs",
        outputs=folder / "outputs",
        checkpoints=folder / "checkpoints",
        shared=shared,
        params=stage_params(job, stage),
        report=report,
    )
    for path in (opened.inputs, opened.outputs, opened.checkpoints):
        path.mkdir(parents=True, exist_ok=True)
    report(0.0, "fetching")
    if stage.spec.photos:
        _fetch_photos(job.id, opened.inputs / "photos")
    for read in stage.spec.reads:
        manifests.fetch(storage(), _manifest_of(job, read), opened.inputs / read.value)
    return opened


def _fetch_photos(job_id: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    with read_scope() as session:
        keys = session.connection().scalars(PHOTO_KEYS, {"job": job_id}).all()
    for number, key in enumerate(keys, start=1):
        try:
            storage().get_file(key, folder / f"{number:03d}-photo")
        except KeyError as error:
            raise UsageError("photo_missing", f"Photo {number} was never uploaded. Upload it again.") from error


def _manifest_of(job: HeldJob, stage: Stage) -> str:
    key = job.weights_manifest if stage is Stage.TRAIN else job.manifests.get(stage)
    if key is None:
        raise UsageError("subject_deleted", "The subject of this job was deleted.")
    return key


def _keep(job: HeldJob, claim: Claim, outputs: Path) -> bool:
    prefix = stage_prefix(job.tenant_id, job.id, claim.stage, claim.fence)
    if claim.stage is Stage.TRAIN:  # weights outlive the job
        prefix = f"{subject_prefix(job.tenant_id, job.subject_id)}{job.id}/a{claim.fence}/"
    kept = manifests.keep(storage(), prefix, outputs)
    failpoints.reach("after_manifest_put")
    if _commit(job, claim, outputs, kept):
        failpoints.reach("after_commit")
        return True
    if claims.cancelled(claim):
        log.info("cancelled before the commit; the output is thrown away")
    else:
        log.warning("fenced out: another run came first; the output is thrown away")
    storage().delete_prefix(prefix)
    return False


def _commit(job: HeldJob, claim: Claim, outputs: Path, kept: manifests.Kept) -> bool:
    for tries in range(COMMIT_TRIES):
        try:
            with session_scope() as session:
                if not claims.commit(session, claim, kept.key, kept.sha256):
                    # The answer to an earlier try may have been lost on its way.
                    return tries > 0 and claims.is_committed(session, claim)
                outcomes.record(session, job, claim.stage, claim.fence, outputs, kept)
                if claim.stage is Stage.GENERATE:
                    workers.drew(session, job.base_model, job.subject_id)
                failpoints.reach("before_commit")
            return True
        except (DataError, IntegrityError, ProgrammingError):
            raise  # no other try would end otherwise
        except SQLAlchemyError as error:
            log.warning("commit unclear; asking again", error=str(error))
            time.sleep(AGAIN_SECONDS)
    raise TransientError("database_unavailable", "The database did not take the commit.")


def _stop(claim: Claim, why: str) -> None:
    log.info("stage stopped", why=why)
    if why == CANCELLED:
        claims.cancelled(claim)
    elif why == DRAINING:
        claims.release(claim, DRAINING)


def _classify(error: Exception) -> PhotogenError:
    """gpu_worker's family and everything unforeseen, as one of the three."""
    from gpu_worker import errors as work

    if isinstance(error, PhotogenError):
        return error
    if isinstance(error, work.CustomerError):
        made: PhotogenError = UsageError(error.code, error.sentence)
    elif isinstance(error, OperationalError | InterfaceError):
        made = TransientError("database_unavailable", "The database cannot be reached.")
    elif isinstance(error, OSError) and error.errno in MACHINES:
        made = TransientError("machine_trouble", f"The worker's machine failed: {error.strerror}.", retry_after=5.0)
    elif isinstance(error, SoftTimeLimitExceeded):
        made = TransientError("too_slow", "The stage did not end within its time limit.", ours=True)
    elif isinstance(error, work.Unreachable):
        made = TransientError("service_unreachable", str(error), retry_after=30.0)
    elif isinstance(error, work.OutOfMemory | MemoryError):
        made = TransientError("out_of_memory", f"Out of memory: {error}", retry_after=5.0, ours=True)
    else:
        made = FatalError(type(error).__name__, f"{type(error).__name__}: {error}")
    made.__cause__ = error
    return made


def _write_down(claim: Claim, error: PhotogenError) -> None:
    kind = next(kind for kind in (UsageError, TransientError, FatalError) if isinstance(error, kind)).__name__
    with suppress(SQLAlchemyError):  # without a database the lease runs out and the sweeper takes over
        if isinstance(error, TransientError):
            log.warning("stage failed for now; the sweeper sends it again", code=error.code, error=error.sentence)
            claims.release(claim, error.outcome, error, error.retry_after)
            return
        trace = "".join(traceback.format_exception(error)) if kind == "FatalError" else ""
        log.error("stage failed; the job ends", code=error.code, error=error.sentence, trace=trace)
        claims.fail(claim, error, kind, trace)
