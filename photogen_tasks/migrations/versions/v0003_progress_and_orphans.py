"""Stages tell when they last moved, jobs when their orphans went; a job has one event for its outcome, never two."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

EVENTS = sa.text("kind = 'event'")


def upgrade() -> None:
    op.add_column("stages", sa.Column("progress_at", sa.Double()))
    op.add_column("jobs", sa.Column("orphans_erased_at", sa.Double()))
    op.create_index("uq_outbox_event", "outbox", ["job_id"], unique=True, postgresql_where=EVENTS, sqlite_where=EVENTS)


def downgrade() -> None:
    op.drop_index("uq_outbox_event", "outbox")
    op.drop_column("jobs", "orphans_erased_at")
    op.drop_column("stages", "progress_at")
