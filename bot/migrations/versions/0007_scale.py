"""Replies found along an index of their own, the hot table kept small, periodic jobs done once for all nodes

Revision ID: 0007
Revises: 0005
"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    condition = sa.text("state = 'planned' AND kind = 'reply'")
    op.create_index(
        "ix_outgoing_text_due_reply",
        "outgoing_text",
        ["kind", "created_at"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
    op.create_table(
        "periodic_job",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("due_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_periodic_job")),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    # A row is written some five times on its way out. Room is left in its page for the new versions, and the dead ones
    # are taken away soon: with the usual settings, after a fifth of all texts ever sent.
    op.execute(
        "ALTER TABLE outgoing_text SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01,"
        " autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)"
    )
    # A handful of rows written every few seconds: without room each would grow by a page a minute.
    for table in ("node", "started_hour", "sending_hold", "periodic_job"):
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 50, autovacuum_vacuum_threshold = 50)")
