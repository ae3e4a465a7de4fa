"""The rules of the clinic's time zone, and with which of them each appointment's moment was worked out

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "zone_rules",
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("first_seen_at", moment(), nullable=False),
        sa.Column("seen_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_zone_rules")),
    )
    # Empty where a node of the version before writes: then the first rules that are noted for the zone count.
    op.add_column("appointment", sa.Column("zone_rules", sa.String(), nullable=True))
