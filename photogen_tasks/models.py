"""Tables. Times are seconds since 1970 on the database's clock, so that leases compare as plain numbers."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import JSON, Float, ForeignKey, Index, MetaData, String, Text, UniqueConstraint, text, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.sql.functions import GenericFunction

from photogen_tasks.stages import JobKind, Stage, Status

EVENTS = text("kind = 'event'")


class db_now(GenericFunction[float]):
    """Seconds since 1970 on the database's clock: the only clock that leases know."""

    type = Float()
    inherit_cache = True


@compiles(db_now, "sqlite")
def _sqlite_now(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(db_now, "postgresql")
def _postgresql_now(*_: Any, **__: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


def new_id() -> str:
    """32 hexadecimal digits, 122 random bits: unguessable, safe in keys, URLs and task ids."""
    return uuid4().hex


class Base(DeclarativeBase):
    """All tables hang here; constraints have names, so that later migrations can drop them on SQLite too."""

    metadata = MetaData(
        naming_convention={"ix": "ix_%(column_0_label)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
    )


class Tenant(Base):
    """The one who owns keys, jobs and subjects. `own_prompts`: customers may write prompts, not only choose styles."""

    __tablename__ = "tenants"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    own_prompts: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[float] = mapped_column(default=db_now())


class ApiKey(Base):
    """An API key: its SHA-256 and the first letters to recognise it by; the key itself is shown once."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    name: Mapped[str] = mapped_column(String(80), default="")
    prefix: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[float] = mapped_column(default=db_now())
    revoked_at: Mapped[float | None]


class Subject(Base):
    """The trained person; `weights_manifest` is a storage key once training has committed."""

    __tablename__ = "subjects"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    class_noun: Mapped[str] = mapped_column(String(24))
    base_model: Mapped[str] = mapped_column(String(200))
    weights_manifest: Mapped[str | None] = mapped_column(String(400))
    created_at: Mapped[float] = mapped_column(default=db_now())
    deleted_at: Mapped[float | None]


class Photo(Base):
    """A picture that came in. `uploaded_at` is set when its bytes lie in storage, `erased_at` when they went, and
    `inspect_sent_at` with each message that asks for a verdict.
    """

    __tablename__ = "photos"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"), index=True)
    position: Mapped[int | None]
    key: Mapped[str] = mapped_column(String(400))
    filename: Mapped[str] = mapped_column(String(200))
    bytes: Mapped[int | None]
    verdict: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(default=db_now())
    uploaded_at: Mapped[float | None]
    inspect_sent_at: Mapped[float | None]
    erased_at: Mapped[float | None]


class Job(Base):
    """One customer's whole run. A deleted job stays as a tombstone, so that counters never fall.

    `photo_set` is the gate's verdict on all photos together, `photo_sheet` the storage key of their sheet, `delivery`
    how many images were wanted, drawn and accepted.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("tenant_id", "idempotency_key"),
        Index("ix_jobs_tenant_created", "tenant_id", "created_at"),
        Index("ix_jobs_status", "status"),
    )
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    subject_id: Mapped[str] = mapped_column(ForeignKey("subjects.id"), index=True)
    kind: Mapped[JobKind] = mapped_column(String(16))
    status: Mapped[Status] = mapped_column(String(16), default=Status.QUEUED)
    params: Mapped[dict[str, Any]] = mapped_column(JSON)
    idempotency_key: Mapped[str | None] = mapped_column(String(100))
    request_sha256: Mapped[str | None] = mapped_column(String(64))
    epoch: Mapped[int] = mapped_column(default=1)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    error_class: Mapped[str | None] = mapped_column(String(40))
    error_code: Mapped[str | None] = mapped_column(String(60))
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(default=db_now())
    deadline: Mapped[float]
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]
    deleted_at: Mapped[float | None]
    erased_at: Mapped[float | None]
    photo_set: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    photo_sheet: Mapped[str | None] = mapped_column(String(400))
    orphans_erased_at: Mapped[float | None]
    delivery: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    stages: Mapped[list[StageRow]] = relationship(order_by="StageRow.seq", lazy="selectin")
    subject: Mapped[Subject] = relationship(lazy="joined")


class StageRow(Base):
    """One stage of one job: its state, its lease and fence, its attempts, where its output lies.

    `progress_at` is when the work last moved: a lease says only that the worker lives.
    """

    __tablename__ = "stages"
    __table_args__ = (Index("ix_stages_status", "status", "lease_until"),)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    name: Mapped[Stage] = mapped_column(String(16), primary_key=True)
    seq: Mapped[int]
    status: Mapped[Status] = mapped_column(String(16), default=Status.PENDING)
    attempt: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    claim_id: Mapped[str | None] = mapped_column(String(32))
    owner: Mapped[str | None] = mapped_column(String(120))
    lease_until: Mapped[float | None]
    pending_since: Mapped[float] = mapped_column(default=db_now())
    not_before: Mapped[float] = mapped_column(default=0.0)
    progress: Mapped[float] = mapped_column(default=0.0)
    line: Mapped[str] = mapped_column(String(200), default="")
    progress_at: Mapped[float | None]
    manifest_key: Mapped[str | None] = mapped_column(String(400))
    manifest_sha256: Mapped[str | None] = mapped_column(String(64))
    error_code: Mapped[str | None] = mapped_column(String(60))
    error: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]


class StageRun(Base):
    """One execution of a stage: an append-only record of who ran it, how long, and how it ended."""

    __tablename__ = "stage_runs"
    __table_args__ = (UniqueConstraint("job_id", "stage", "attempt"),)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    stage: Mapped[Stage] = mapped_column(String(16))
    attempt: Mapped[int]
    fence: Mapped[int]
    worker: Mapped[str] = mapped_column(String(120))
    gpu: Mapped[str] = mapped_column(String(40), default="")
    base_model: Mapped[str] = mapped_column(String(200), default="")
    base_model_sha256: Mapped[str | None] = mapped_column(String(64))
    outcome: Mapped[str | None] = mapped_column(String(16))
    error_class: Mapped[str | None] = mapped_column(String(40))
    error_code: Mapped[str | None] = mapped_column(String(60))
    error: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[float] = mapped_column(default=db_now())
    ended_at: Mapped[float | None]


class Image(Base):
    """A picture that went out; visible because a committed manifest names it. `evidence`: its scores and verdict."""

    __tablename__ = "images"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    position: Mapped[int]
    key: Mapped[str] = mapped_column(String(400))
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    prompt: Mapped[str] = mapped_column(Text)
    seed: Mapped[int]
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(default=db_now())


class Outbox(Base):
    """What must still be said: `chain` messages to send, `event` rows for whoever listens later, one for each job."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_unsent", "kind", "sent_at", "not_before"),
        Index("uq_outbox_event", "job_id", unique=True, postgresql_where=EVENTS, sqlite_where=EVENTS),
    )
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(16))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    epoch: Mapped[int] = mapped_column(default=0)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[float] = mapped_column(default=db_now())
    not_before: Mapped[float] = mapped_column(default=0.0)
    sent_at: Mapped[float | None]
    tries: Mapped[int] = mapped_column(default=0)


class Worker(Base):
    """A worker that draws, its private queue, and what it holds in memory: base models and subjects, newest first."""

    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    queue: Mapped[str] = mapped_column(String(160))
    base_models: Mapped[list[str]] = mapped_column(JSON, default=list)
    subjects: Mapped[list[str]] = mapped_column(JSON, default=list)
    started_at: Mapped[float] = mapped_column(default=db_now())
    seen_at: Mapped[float] = mapped_column(default=db_now())


class SharedContent(Base):
    """What depends on no customer, by the hash of all that shapes it. `making`: `holder` is at it until `lease_until`;
    `ready`: it lies in storage with this `sha256`.
    """

    __tablename__ = "shared_content"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    holder: Mapped[str] = mapped_column(String(160))
    lease_until: Mapped[float | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    bytes: Mapped[int | None]
    made_at: Mapped[float | None]
    last_used_at: Mapped[float] = mapped_column(default=db_now())


class Housekeeping(Base):
    """Counts of what the sweeper had to mend, by action; 0 in a healthy system."""

    __tablename__ = "sweeper_actions"
    action: Mapped[str] = mapped_column(String(40), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
