"""The screening dialogue, what is most urgent, and numbers that stay stopped once they are erased

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "screening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("appointment_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("asked_at", moment(), nullable=True),
        sa.Column("reminded_at", moment(), nullable=True),
        sa.Column("companion_at", moment(), nullable=True),
        sa.Column("phone_at", moment(), nullable=True),
        sa.Column("answered_at", moment(), nullable=True),
        sa.Column("seen_by", sa.String(), nullable=False),
        sa.Column("seen_at", moment(), nullable=True),
        sa.Column("created_at", moment(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'asking', 'answered', 'phone')", name=op.f("ck_screening_state")),
        sa.ForeignKeyConstraint(["appointment_id"], ["appointment.id"], name=op.f("fk_screening_appointment_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_screening_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screening")),
        sa.UniqueConstraint("appointment_id", name=op.f("uq_screening_appointment_id")),
    )
    op.create_index(op.f("ix_screening_contact_id"), "screening", ["contact_id"], unique=False)
    op.create_table(
        "screening_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("screening_id", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("taken_by", sa.String(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.CheckConstraint(
            "reply IN ('no', 'yes', 'yes or not sure', 'words')", name=op.f("ck_screening_answer_reply")
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_screening_answer_contact_id")),
        sa.ForeignKeyConstraint(["screening_id"], ["screening.id"], name=op.f("fk_screening_answer_screening_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screening_answer")),
    )
    op.create_index(op.f("ix_screening_answer_contact_id"), "screening_answer", ["contact_id"], unique=False)
    op.create_index(op.f("ix_screening_answer_screening_id"), "screening_answer", ["screening_id"], unique=False)
    op.create_table(
        "stopped_number",
        sa.Column("phone_hash", sa.String(), nullable=False),
        sa.Column("stopped_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("phone_hash", name=op.f("pk_stopped_number")),
    )
    # The defaults stay: a node of the version before goes on writing rows while this one starts.
    op.add_column("task", sa.Column("urgency", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("task", sa.Column("rank", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("patient", sa.Column("companion_first", sa.Boolean(), nullable=False, server_default=sa.false()))
