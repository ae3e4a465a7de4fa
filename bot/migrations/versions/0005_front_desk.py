"""The front desk: sign-in, the staff's notes and choices, uploads, the JSON API, and who has written

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sqlmodel.sql.sqltypes.UTCDateTime
    # The defaults stay: a node of the version before goes on writing rows while this one starts.
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key_hash", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("used_at", moment(), nullable=True),
        sa.Column("revoked_at", moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_key_key_hash")),
    )
    op.create_table(
        "clinic_answer",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "language", name=op.f("pk_clinic_answer")),
    )
    op.create_table(
        "column_choice",
        sa.Column("header", sa.String(), nullable=False),
        sa.Column("column", sa.String(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("header", name=op.f("pk_column_choice")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_hash", sa.String(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failure")),
    )
    op.create_index(op.f("ix_sign_in_failure_source_hash_at"), "sign_in_failure", ["source_hash", "at"], unique=False)
    op.create_table(
        "topic_choice",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_topic_choice")),
    )
    op.create_table(
        "api_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("api_key_id", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"], name=op.f("fk_api_answer_api_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_answer")),
        sa.UniqueConstraint("api_key_id", "idempotency_key", name=op.f("uq_api_answer_api_key_id_idempotency_key")),
    )
    op.create_index(op.f("ix_api_answer_created_at"), "api_answer", ["created_at"], unique=False)
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_recovery_code_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_staff_id"), "recovery_code", ["staff_id"], unique=False)
    op.create_table(
        "staff_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("expires_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_link_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_link_token_hash")),
    )
    op.create_index(op.f("ix_staff_link_staff_id"), "staff_link", ["staff_id"], unique=False)
    op.create_table(
        "staff_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("csrf", sa.String(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("seen_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_session_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_session_token_hash")),
    )
    op.create_index(op.f("ix_staff_session_staff_id"), "staff_session", ["staff_id"], unique=False)
    op.create_table(
        "upload",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("fixes", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_upload_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sa.UniqueConstraint("token", name=op.f("uq_upload_token")),
    )
    op.create_index(op.f("ix_upload_created_at"), "upload", ["created_at"], unique=False)
    op.create_table(
        "task_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_note_task_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_note")),
    )
    op.create_index(op.f("ix_task_note_task_id"), "task_note", ["task_id"], unique=False)
    op.add_column("appointment", sa.Column("outcome", sa.String(), nullable=False, server_default=""))
    op.drop_index(op.f("ix_appointment_starts_at"), table_name="appointment")
    op.create_index(op.f("ix_appointment_starts_at_id"), "appointment", ["starts_at", "id"], unique=False)
    op.create_index(op.f("ix_audit_event_at_id"), "audit_event", ["at", "id"], unique=False)
    op.add_column("contact", sa.Column("heard_at", moment(), nullable=True))
    op.add_column("contact", sa.Column("unread_since", moment(), nullable=True))
    op.create_index("ix_contact_heard_at_id", "contact", ["heard_at", "id"], unique=False)
    op.create_index(
        "ix_contact_unread",
        "contact",
        ["unread_since"],
        unique=False,
        sqlite_where=sa.text("unread_since IS NOT NULL"),
        postgresql_where=sa.text("unread_since IS NOT NULL"),
    )
    op.add_column("staff", sa.Column("language", sa.String(), nullable=False, server_default="en"))
    op.add_column("staff", sa.Column("totp_secret", sa.String(), nullable=False, server_default=""))
    op.add_column("staff", sa.Column("totp_used", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("staff", sa.Column("signed_in_at", moment(), nullable=True))
    op.add_column("staff", sa.Column("worklist_seen_at", moment(), nullable=True))
    op.execute(
        "UPDATE contact SET heard_at = (SELECT max(received_at) FROM incoming_text WHERE contact_id = contact.id)"
    )
