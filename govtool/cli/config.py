"""`govtool config`: which settings are in force and where each comes from."""

import typer

from govtool.cli.output import JsonFlag, examples, show, table

app = typer.Typer(help="Settings in force.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Settings in force."""


@app.command("show", epilog=examples("govtool config show", "govtool config show --json"))
def show_settings(as_json: JsonFlag = False) -> None:
    """Print every setting, its value and its origin. Passwords in URLs are hidden."""
    from pathlib import Path

    from govtool import settings
    from govtool.db import redacted

    resolved = settings.resolve(settings.find_root(Path.cwd()))
    values = resolved.settings.model_dump()
    values["database_url"] = redacted(values["database_url"])
    data = {key: {"value": value, "origin": resolved.origins[key]} for key, value in values.items()}
    rows = [[key, entry["value"], entry["origin"]] for key, entry in data.items()]
    show("config.show/1", data, table(["setting", "value", "origin"], rows), as_json=as_json)
