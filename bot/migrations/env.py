"""Runs the migrations on the connection that ``bot.database.migrate`` hands over, in its transaction."""

from alembic import context

from bot.models import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
