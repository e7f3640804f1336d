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
    except SystemExit:  # the argument parser's answer to a reader that left, as `head` does
        return 0
    except Exception as error:
        if debug:
            raise
        return _foreign(error, as_json=as_json)
    return code if isinstance(code, int) else 0


def _foreign(error: Exception, *, as_json: bool) -> int:
    """The exit code for what is not one of ours, said in one line and without values, which may be personal data."""
    usage = getattr(error, "format_message", None)
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        typer.echo(context.get_help(), err=True)
        return 2
    if usage is not None:  # a usage error of the argument parser
        complain(usage(), hint=f"{context.command_path if context else 'govtool'} --help", code=2, as_json=as_json)
        return 2
    if isinstance(error, BrokenPipeError):  # the reader of our output left, as `head` does
        devnull = open("/dev/null", "w")  # noqa: PTH123, SIM115 - stays open: the interpreter flushes into it at exit
        sys.stdout = devnull
        return 0
    if isinstance(error, OSError):
        complain(
            f"{(error.strerror or type(error).__name__).lower()}", where=str(error.filename or ""),
            hint="is the disk full, or the folder not writable?", code=6, as_json=as_json,
        )  # fmt: skip
        return 6
    if type(error).__module__.startswith("sqlalchemy."):
        complain(
            f"the database refuses: {type(error).__name__}",
            hint="is it damaged, or written to by something else? see: govtool evidence verify", code=6, as_json=as_json,
        )  # fmt: skip
        return 6
    complain(
        f"unexpected failure: {type(error).__name__}",
        hint="this is a bug in govtool; run the command again with --debug and report what it prints",
        code=1,
        as_json=as_json,
    )
    return 1


def main() -> None:
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:  # a full disk or a closed pipe shows only when the buffer is written
        code = _foreign(error, as_json=False)
        sys.stdout = open("/dev/null", "w")  # noqa: PTH123, SIM115 - as above
    sys.exit(code)
