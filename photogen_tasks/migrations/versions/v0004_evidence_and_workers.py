"""Images tell their evidence, jobs what was drawn for them; workers tell what they hold; tenants may write prompts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tenants", sa.Column("own_prompts", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("images", sa.Column("evidence", sa.JSON()))
    op.add_column("jobs", sa.Column("delivery", sa.JSON()))
    op.create_table(
        "workers",
        sa.Column("name", sa.String(120), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("queue", sa.String(160), nullable=False),
        sa.Column("base_models", sa.JSON(), nullable=False),
        sa.Column("subjects", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("workers")
    op.drop_column("jobs", "delivery")
    op.drop_column("images", "evidence")
    op.drop_column("tenants", "own_prompts")
