"""Texts of the last days counted along indexes

Revision ID: 0012
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    left, never_left = sa.text("sent_at IS NOT NULL"), sa.text("state = 'failed' AND sent_at IS NULL")
    columns = ["sent_at", "language", "state"]
    op.create_index("ix_outgoing_text_left", "outgoing_text", columns, sqlite_where=left, postgresql_where=left)
    op.create_index(
        "ix_outgoing_text_never_left",
        "outgoing_text",
        ["created_at"],
        sqlite_where=never_left,
        postgresql_where=never_left,
    )
