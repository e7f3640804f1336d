"""`govtool db`: the schema of the workspace's database."""

from typing import TYPE_CHECKING

import typer

from govtool.cli.output import JsonFlag, examples, show

if TYPE_CHECKING:
    from govtool.cli.context import Workspace

app = typer.Typer(help="The database schema.", no_args_is_help=True)


@app.command("upgrade", epilog=examples("govtool db upgrade"))
def upgrade(as_json: JsonFlag = False) -> None:
    """Bring the database to this version's schema."""
    from govtool import db
    from govtool.errors import InputError

    workspace = _workspace()
    file = workspace.database_file
    if file is not None and not file.exists() and workspace.checkpoints.exists():
        raise InputError(
            f"the database {file} is missing, but {workspace.checkpoints.name} says that there was one",
            hint="restore it from your backup: an empty ledger cannot continue a signed one",
        )
    db.upgrade(workspace.engine)
    revision = db.current_revision(workspace.engine)
    show("db.upgrade/1", {"revision": revision}, f"database at revision {revision}", as_json=as_json)


@app.command("current", epilog=examples("govtool db current"))
def current(as_json: JsonFlag = False) -> None:
    """Print the database's revision and the newest one."""
    from govtool import db

    found, head = db.current_revision(_workspace().engine), db.head_revision()
    text = f"database at revision {found or 'none'}, newest is {head}"
    show("db.current/1", {"revision": found, "head": head}, text, as_json=as_json, exit_code=0 if found == head else 6)


def _workspace() -> "Workspace":
    """The workspace without the check for the current schema, which these commands are there to repair."""
    from pathlib import Path

    from govtool import settings
    from govtool.cli.context import Workspace

    return Workspace(settings.resolve(settings.find_root(Path.cwd())))
