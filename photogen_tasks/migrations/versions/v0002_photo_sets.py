"""A job keeps what the gate said of its photos together, with their sheet; a photo, when its verdict was asked for
and when its file went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("photo_set", sa.JSON()))
    op.add_column("jobs", sa.Column("photo_sheet", sa.String(400)))
    op.add_column("photos", sa.Column("inspect_sent_at", sa.Double()))
    op.add_column("photos", sa.Column("erased_at", sa.Double()))


def downgrade() -> None:
    op.drop_column("photos", "erased_at")
    op.drop_column("photos", "inspect_sent_at")
    op.drop_column("jobs", "photo_sheet")
    op.drop_column("jobs", "photo_set")
