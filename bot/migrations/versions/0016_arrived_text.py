"""Texts from phones kept as they come, and taken in after

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "arrived_text",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("media", sa.Integer(), nullable=False),
        sa.Column("opt_out", sa.String(), nullable=False),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrived_text")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_arrived_text_provider_id")),
    )
    op.create_index(op.f("ix_arrived_text_phone_id"), "arrived_text", ["phone", "id"])
    if op.get_bind().dialect.name == "postgresql":
        # Every row leaves soon: what they leave behind is taken away soon too.
        op.execute(
            "ALTER TABLE arrived_text SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,"
            " autovacuum_vacuum_cost_delay = 0)"
        )
