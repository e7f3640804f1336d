"""The command line: one file per group, thin. Heavy libraries are imported inside commands, so that help is instant."""

import sys
from collections.abc import Sequence

import typer

from govtool import __version__
from govtool.cli import (
    audit,
    database,
    dataset,
    demo,
    deployment,
    doctor,
    evidence,
    gate,
    incident,
    init,
    lineage,
    model,
    notify,
    policy,
    report,
)
from govtool.cli import config as config_group
from govtool.cli.output import complain
from govtool.errors import GovtoolError

app = typer.Typer(
    name="govtool",
    help="Does this model leak the people it was trained on, may it ship, and who must be told?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _main(
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


init.register(app)
demo.register(app)
doctor.register(app)
for _name, _group in {
    "config": config_group,
    "model": model,
    "dataset": dataset,
    "lineage": lineage,
    "deployment": deployment,
    "audit": audit,
    "gate": gate,
    "policy": policy,
    "report": report,
    "incident": incident,
    "notify": notify,
    "evidence": evidence,
    "db": database,
}.items():
    app.add_typer(_group.app, name=_name)


def run(arguments: Sequence[str]) -> int:
    """One command, from its arguments to its exit code. The only place where errors become messages.

    No stack trace is printed for a bug unless --debug was given: local values may be personal data.
    """
    words = list(arguments)
    as_json, debug = "--json" in words, "--debug" in words
    if debug:
        words.remove("--debug")
    try:
        code = app(words, standalone_mode=False, prog_name="govtool")
    except GovtoolError as error:
        if debug:
            raise
        complain(error.message, where=error.where, hint=error.hint, code=error.exit_code, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        complain("interrupted", hint="nothing recorded so far is lost", code=130, as_json=as_json)
        return 130
    except typer.Exit as leave:
        return leave.exit_code
    except Exception as error:
        usage = getattr(error, "format_message", None)
        if usage is not None:  # a usage error of the argument parser
            context = getattr(error, "ctx", None)
            help_line = f"{context.command_path} --help" if context else "govtool --help"
            complain(usage(), hint=help_line, code=2, as_json=as_json)
            return 2
        if debug:
            raise
        complain(
            f"unexpected failure: {type(error).__name__}",
            hint="this is a bug in govtool; run the command again with --debug and report what it prints",
            code=1,
            as_json=as_json,
        )
        return 1
    return code if isinstance(code, int) else 0


def main() -> None:
    sys.exit(run(sys.argv[1:]))
