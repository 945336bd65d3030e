"""Alembic's entry: migrations run on the connection handed over by `Database.migrate`."""

from alembic import context

from plugin.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
