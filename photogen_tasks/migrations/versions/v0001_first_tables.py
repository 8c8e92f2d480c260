"""First tables: tenants and keys, subjects, photos, jobs with stages and stage runs, images, outbox."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "tenants",
    "api_keys",
    "subjects",
    "jobs",
    "stages",
    "stage_runs",
    "photos",
    "images",
    "outbox",
    "sweeper_actions",
)


def upgrade() -> None:
    _owners()
    _jobs()
    _pictures()
    _messages()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _owners() -> None:
    op.create_table(
        "tenants",
        _id(),
        _text("name", 80),
        _time("created_at"),
        sa.UniqueConstraint("name", name="uq_tenants_name"),
    )
    op.create_table(
        "api_keys",
        _id(),
        _of("tenant", index=True),
        _text("name", 80),
        _text("prefix", 16),
        _text("sha256", 64),
        _time("created_at"),
        _time("revoked_at", nullable=True),
        sa.UniqueConstraint("sha256", name="uq_api_keys_sha256"),
    )
    op.create_table(
        "subjects",
        _id(),
        _of("tenant", index=True),
        _text("class_noun", 24),
        _text("base_model", 200),
        _text("weights_manifest", 400, nullable=True),
        _time("created_at"),
        _time("deleted_at", nullable=True),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        _id(),
        _of("tenant"),
        _of("subject", index=True),
        _text("kind", 16),
        _text("status", 16),
        sa.Column("params", sa.JSON, nullable=False),
        _text("idempotency_key", 100, nullable=True),
        _text("request_sha256", 64, nullable=True),
        _count("epoch"),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        *_error(),
        _time("created_at"),
        _time("deadline"),
        *(_time(name, nullable=True) for name in ("started_at", "ended_at", "deleted_at", "erased_at")),
        sa.UniqueConstraint("tenant_id", "idempotency_key", name="uq_jobs_tenant_id_idempotency_key"),
    )
    op.create_index("ix_jobs_tenant_created", "jobs", ["tenant_id", "created_at"])
    op.create_index("ix_jobs_status", "jobs", ["status"])
    op.create_table(
        "stages",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        _text("name", 16, primary_key=True),
        _count("seq"),
        _text("status", 16),
        *(_count(name) for name in ("attempt", "failures", "losses", "fence")),
        _text("claim_id", 32, nullable=True),
        _text("owner", 120, nullable=True),
        _time("lease_until", nullable=True),
        *(_time(name) for name in ("pending_since", "not_before")),
        sa.Column("progress", sa.Double, nullable=False),
        _text("line", 200),
        _text("manifest_key", 400, nullable=True),
        _text("manifest_sha256", 64, nullable=True),
        *_error()[1:],
        *(_time(name, nullable=True) for name in ("started_at", "ended_at")),
    )
    op.create_index("ix_stages_status", "stages", ["status", "lease_until"])
    op.create_table(
        "stage_runs",
        _id(),
        _of("job", index=True),
        _text("stage", 16),
        *(_count(name) for name in ("attempt", "fence")),
        _text("worker", 120),
        _text("gpu", 40),
        _text("base_model", 200),
        _text("base_model_sha256", 64, nullable=True),
        _text("outcome", 16, nullable=True),
        *_error(),
        _time("started_at"),
        _time("ended_at", nullable=True),
        sa.UniqueConstraint("job_id", "stage", "attempt", name="uq_stage_runs_job_id_stage_attempt"),
    )


def _pictures() -> None:
    op.create_table(
        "photos",
        _id(),
        _of("tenant", index=True),
        _of("job", index=True, nullable=True),
        _count("position", nullable=True),
        _text("key", 400),
        _text("filename", 200),
        _count("bytes", nullable=True),
        sa.Column("verdict", sa.JSON, nullable=True),
        _time("created_at"),
        _time("uploaded_at", nullable=True),
    )
    op.create_table(
        "images",
        _id(),
        _of("tenant"),
        _of("job", index=True),
        _count("position"),
        _text("key", 400),
        _text("sha256", 64),
        *(_count(name) for name in ("bytes", "width", "height")),
        sa.Column("prompt", sa.Text, nullable=False),
        _count("seed"),
        _time("created_at"),
    )


def _messages() -> None:
    op.create_table(
        "outbox",
        _id(),
        _text("kind", 16),
        _of("job", index=True),
        _count("epoch"),
        sa.Column("payload", sa.JSON, nullable=False),
        *(_time(name) for name in ("created_at", "not_before")),
        _time("sent_at", nullable=True),
        _count("tries"),
    )
    op.create_index("ix_outbox_unsent", "outbox", ["kind", "sent_at", "not_before"])
    op.create_table("sweeper_actions", _text("action", 40, primary_key=True), _count("count"))


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(32), primary_key=True)


def _of(owner: str, **rest: Any) -> sa.Column[str]:
    return sa.Column(f"{owner}_id", sa.String(32), sa.ForeignKey(f"{owner}s.id"), **{"nullable": False} | rest)


def _text(name: str, length: int, **rest: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), **{"nullable": False} | rest)


def _count(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _time(name: str, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _error() -> list[sa.Column[str]]:
    return [
        _text("error_class", 40, nullable=True),
        _text("error_code", 60, nullable=True),
        sa.Column("error", sa.Text, nullable=True),
    ]
