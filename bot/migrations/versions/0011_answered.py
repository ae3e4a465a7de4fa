"""When a question of ours was answered

Revision ID: 0011
Revises: 0009
"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outgoing_text", sa.Column("answered_at", sqlmodel.sql.sqltypes.UTCDateTime, nullable=True))
