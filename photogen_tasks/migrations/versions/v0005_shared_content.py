"""What all customers share and nobody makes twice: who makes it, or what it is and when somebody last used it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shared_content",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("holder", sa.String(160), nullable=False),
        sa.Column("lease_until", sa.Double()),
        sa.Column("sha256", sa.String(64)),
        sa.Column("bytes", sa.Integer()),
        sa.Column("made_at", sa.Double()),
        sa.Column("last_used_at", sa.Double(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("shared_content")
