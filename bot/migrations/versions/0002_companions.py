"""Texts for companions, and who cancelled an appointment

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, column in (
        ("patient", "companion_agreed"),
        ("appointment", "cancelled_here"),
        ("outgoing_text", "for_companion"),
    ):
        # The default stays: a node of the version before goes on writing rows while this one starts.
        op.add_column(table, sa.Column(column, sa.Boolean(), nullable=False, server_default=sa.false()))
