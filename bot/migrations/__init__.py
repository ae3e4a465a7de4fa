"""Alembic migrations, run at every start by ``bot.database.migrate``."""
