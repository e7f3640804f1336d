"""Alembic environment. The engine is handed in; `import_models` makes every table known."""

from alembic import context

from govtool.db import Base, make_engine
from govtool.evidence.schema import import_models

import_models()
config = context.config


def run() -> None:
    engine = config.attributes.get("engine")
    if engine is None:
        url = context.get_x_argument(as_dictionary=True).get("url", "sqlite://")
        engine = make_engine(url)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            render_as_batch=False,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
