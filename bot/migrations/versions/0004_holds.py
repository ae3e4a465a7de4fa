"""What holds sending up, who is alive, how much went out, and what is asked about again

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sqlmodel.sql.sqltypes.UTCDateTime
    hold = op.create_table(
        "sending_hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("paused_at", moment(), nullable=True),
        sa.Column("paused_by", sa.String(), nullable=False),
        sa.Column("pause_reason", sa.String(), nullable=False),
        sa.Column("brake_off_until", moment(), nullable=True),
        sa.Column("circuit_at", moment(), nullable=True),
        sa.Column("circuit_until", moment(), nullable=True),
        sa.Column("circuit_reason", sa.String(), nullable=False),
        sa.Column("circuit_tries", sa.Integer(), nullable=False),
        sa.Column("circuit_by_callback", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_hold")),
    )
    op.bulk_insert(
        hold,
        [
            {
                "id": 1,
                "paused_by": "",
                "pause_reason": "",
                "circuit_reason": "",
                "circuit_tries": 0,
                "circuit_by_callback": False,
            }
        ],
    )
    op.create_table(
        "node",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("seen_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node")),
    )
    op.create_table(
        "started_hour",
        sa.Column("hour", moment(), nullable=False),
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("texts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "node_id", name=op.f("pk_started_hour")),
    )
    # The defaults stay: a node of the version before goes on writing rows while this one starts.
    op.add_column("contact", sa.Column("opted_out_source", sa.String(), nullable=False, server_default=""))
    op.add_column("outgoing_text", sa.Column("retries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("outgoing_text", sa.Column("lookups", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("outgoing_text", sa.Column("suspect", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column(
        "outgoing_text", sa.Column("resent_in_doubt", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("outgoing_text", sa.Column("asked_at", moment(), nullable=True))
    op.create_index(
        "ix_outgoing_text_silent",
        "outgoing_text",
        ["sent_at"],
        sqlite_where=sa.text("state = 'sent'"),
        postgresql_where=sa.text("state = 'sent'"),
    )
