"""`govtool init`: a workspace with settings, database, vault, key and policies."""

from pathlib import Path
from typing import Annotated

import typer

from govtool.cli.output import JsonFlag, examples, note, show

TOML = """\
# Settings of this workspace. Stronger sources: GOVTOOL_* variables and flags. No secret belongs here.
ledger_origin = "{origin}"   # name under which checkpoints are signed; never change it
database_url = "sqlite:///govtool.db"      # or GOVTOOL_DATABASE_URL=postgresql+psycopg://...
vault_url = "vault"                        # a folder, or any fsspec URL such as s3://bucket/prefix
signing_key = "keys/signing.pem"
policies = "policies"
cache_dir = "cache"                        # finished reference models; no evidence, may be deleted at any time

# Who notices name as the controller. Leave empty what you do not know: it is printed as 'to be determined'.
[organisation]
name = ""
registration = ""
address = ""
country = ""
sector = ""
authority = ""             # the supervisory authority competent under GDPR Art. 55
timezone = "UTC"           # civil zone of that authority, such as Europe/Paris
contact_is_dpo = false

[organisation.contact]
name = ""
role = ""
email = ""
phone = ""
"""


def create(folder: Path) -> dict[str, str]:
    """Make the workspace. The settings file comes last: a folder without it is not a workspace, so a crash half-way
    leaves something that `govtool init` finishes.

    Raises:
        InputError: there is a workspace already, or the path is a file.
    """
    import shutil

    from govtool import db, resources, settings
    from govtool.cli.context import Workspace
    from govtool.errors import InputError
    from govtool.evidence.note import generate_key
    from govtool.runtime import new_id

    if (folder / settings.FILE_NAME).exists():
        raise InputError(f"{folder} is a govtool workspace already", hint="work in it, or choose another folder")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file", hint="choose a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        if not (folder / "policies").exists():
            shutil.copytree(resources.find("policies"), folder / "policies")
        if not (folder / "keys" / "signing.pem").exists():
            generate_key(folder / "keys" / "signing.pem")
        (folder / "vault").mkdir(exist_ok=True, mode=0o750)
        draft = folder / (settings.FILE_NAME + ".new")
        draft.write_text(TOML.format(origin=f"govtool.local/{new_id('ledger')}"), encoding="utf-8")
        workspace = Workspace(settings.resolve(folder.resolve()))
        db.upgrade(workspace.engine)
        draft.rename(folder / settings.FILE_NAME)
    except OSError as error:
        raise InputError(f"{folder} cannot be made a workspace: {error.strerror or error}") from error
    workspace = Workspace(settings.resolve(folder.resolve()))
    return {
        "workspace": str(workspace.root),
        "database": workspace.settings.database_url,
        "vault": workspace.settings.vault_url,
        "verifier_key": workspace.signer.verifier.encode(),
        "policies": str(workspace.policies),
    }


def init(
    folder: Annotated[Path, typer.Argument(help="Where; made if it is not there.")] = Path(),
    as_json: JsonFlag = False,
) -> None:
    """Make a workspace: settings, database, evidence vault, signing key, policies."""
    made = create(folder)
    text = "\n".join([f"workspace ready in {made['workspace']}", f"verifier key: {made['verifier_key']}"])
    if not as_json:
        note("keep a copy of the verifier key outside this machine: it proves later that the ledger is yours")
        note("next: govtool dataset add, govtool model add (see docs/first-assessment.md)")
    show("init/1", made, text, as_json=as_json)


def register(app: typer.Typer) -> None:
    app.command("init", epilog=examples("govtool init", "govtool init privacy-review --json"))(init)
