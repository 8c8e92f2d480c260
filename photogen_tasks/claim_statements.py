"""The statements that every stage run executes, built once: to build one costs more than to run it. Nothing runs here.

Each names its parameters with bindparam(); `job`, `of_stage` and `of_fence` say whose row it is.
"""

from __future__ import annotations

from sqlalchemy import BindParameter, bindparam, exists, insert, select, update
from sqlalchemy.orm import aliased

from photogen_tasks.models import Job, StageRow, StageRun, db_now
from photogen_tasks.stages import TERMINAL, Status

_JOB: BindParameter[str] = bindparam("job")
_STAGE: BindParameter[str] = bindparam("of_stage")
_earlier = aliased(StageRow)
_this_stage = (StageRow.job_id == _JOB) & (StageRow.name == _STAGE)
_mine = _this_stage & (StageRow.fence == bindparam("of_fence")) & (StageRow.status == Status.RUNNING)
_open_job = (Job.id == _JOB) & Job.cancel_requested.is_(False) & Job.status.not_in(TERMINAL)

LOCK = select(Job.id).where(Job.id == _JOB).with_for_update()
TRY_LOCK = select(Job.id).where(Job.id == _JOB).with_for_update(skip_locked=True)

CLAIM = (
    update(StageRow)
    .where(_this_stage, StageRow.status == Status.PENDING, StageRow.not_before <= db_now())
    .where(exists().where(_open_job, Job.epoch == bindparam("epoch")))
    .where(~exists().where(_earlier.job_id == _JOB, _earlier.seq < StageRow.seq, _earlier.status != Status.SUCCEEDED))
    .values(
        status=Status.RUNNING,
        fence=StageRow.fence + 1,
        attempt=StageRow.attempt + 1,
        claim_id=bindparam("claim"),
        owner=bindparam("worker"),
        lease_until=db_now() + bindparam("lease"),
        progress=0.0,
        line="",
        progress_at=db_now(),
        started_at=db_now(),
    )
    .returning(StageRow.fence, StageRow.attempt)
)

STATUS = select(StageRow.status).where(_this_stage)
OPEN_RUN = insert(StageRun)
START_JOB = update(Job).where(Job.id == _JOB, Job.status == Status.QUEUED)
START_JOB = START_JOB.values(status=Status.RUNNING, started_at=db_now())

# Locks the job before it looks at the stage, as lock() does, in one statement.
_locked_open_job = select(Job.id).where(_open_job).with_for_update().cte("open_job")
COMMIT = (
    update(StageRow)
    .where(_mine, exists(select(_locked_open_job.c.id)))
    .values(
        status=Status.SUCCEEDED,
        manifest_key=bindparam("key"),
        manifest_sha256=bindparam("sha256"),
        progress=1.0,
        lease_until=None,
        ended_at=db_now(),
    )
    .returning(StageRow.seq)
)
CLOSE_RUN = (
    update(StageRun)
    .where(StageRun.job_id == _JOB, StageRun.stage == _STAGE, StageRun.fence == bindparam("of_fence"))
    .where(StageRun.outcome.is_(None))
    .values(
        outcome=bindparam("how"),
        ended_at=db_now(),
        error_class=bindparam("of_class"),
        error_code=bindparam("code"),
        error=bindparam("said"),
    )
)
NEXT_IS_DUE = update(StageRow).where(StageRow.job_id == _JOB, StageRow.seq == bindparam("next"))
NEXT_IS_DUE = NEXT_IS_DUE.values(pending_since=db_now())
