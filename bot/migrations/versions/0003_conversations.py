"""Conversations that staff have open, and what staff say a text meant

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The defaults stay: a node of the version before goes on writing rows while this one starts.
    op.add_column("contact", sa.Column("held_by", sa.String(), nullable=False, server_default=""))
    op.add_column("contact", sa.Column("held_until", sqlmodel.sql.sqltypes.UTCDateTime()))
    op.add_column("incoming_text", sa.Column("label_intent", sa.String(), nullable=False, server_default=""))
    op.add_column("incoming_text", sa.Column("label_detail", sa.String()))
    op.add_column("incoming_text", sa.Column("labelled_by", sa.String(), nullable=False, server_default=""))
    op.add_column("incoming_text", sa.Column("labelled_at", sqlmodel.sql.sqltypes.UTCDateTime()))
