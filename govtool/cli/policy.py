"""`govtool policy`: is the policy written correctly, and do its worked examples come out as expected?"""

from pathlib import Path
from typing import Annotated

import typer

from govtool.cli.output import JsonFlag, examples, note, show, table
from govtool.errors import InputError

app = typer.Typer(help="Check and test the policy that models are judged by.", no_args_is_help=True)

FolderArgument = Annotated[
    Path | None, typer.Argument(help="Policy folder; the workspace's policies/ when not given.", show_default=False)
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", help="Policy folder; the workspace's policies/ when not given.", show_default=False),
]


def folder(given: Path | None) -> Path:
    """The policy folder: the one given, the workspace's, or, outside any workspace, the one that came with govtool.

    Raises:
        InputError: the workspace's folder is missing. Judging by another policy than the officer's would be worse than none.
    """
    from govtool import resources
    from govtool.cli.context import open_workspace

    if given is not None:
        return given
    try:
        own = open_workspace().policies
    except InputError as error:
        note(f"{error.message}: using the policy that came with govtool")
        return resources.find("policies")
    if not own.is_dir():
        raise InputError(f"the policy folder {own} is not there", hint="restore it, or name one with --policy")
    return own


@app.command(epilog=examples("govtool policy check", "govtool policy check policies --json"))
def check(directory: FolderArgument = None, as_json: JsonFlag = False) -> None:
    """Read the whole policy strictly and print its digest."""
    from govtool.policy.document import load

    where = folder(directory)
    policy_set = load(where)
    rules = [(policy, rule) for policy in policy_set.policies for rule in policy.rules]
    data = {
        "folder": str(where),
        "sha256": policy_set.sha256,
        "files": policy_set.files,
        "policies": [
            {
                "id": policy.id,
                "version": policy.version,
                "owner": policy.owner,
                "effective_from": str(policy.effective_from),
                "mode": policy.mode,
                "rules": [rule.id for rule in policy.rules],
            }
            for policy in policy_set.policies
        ],
    }
    warnings = [] if rules else ["there are no rules, so every model will be refused"]
    listing = table(
        ["rule", "severity", "title", "policy"],
        [
            (rule.id, rule.severity, rule.title, f"{policy.id} {policy.version} ({policy.mode})")
            for policy, rule in rules
        ],
    )
    text = f"{len(rules)} rules in {len(policy_set.files)} files of {where}\nsha256 {policy_set.sha256}\n\n{listing}"
    show("policy.check/1", data, text, as_json=as_json, warnings=warnings)


@app.command("test", epilog=examples("govtool policy test", "govtool policy test policies --json"))
def run_cases(directory: FolderArgument = None, as_json: JsonFlag = False) -> None:
    """Judge the worked examples in the policy's tests/ folder; exit 3 when one comes out differently."""
    from govtool.policy import cases
    from govtool.policy.document import load

    where = folder(directory)
    results = cases.run(where / "tests", load(where))
    failed = [result for result in results if not result.ok]
    data = [
        {
            "file": result.file,
            "title": result.title,
            "ok": result.ok,
            "outcome": result.outcome,
            "differences": list(result.differences),
        }
        for result in results
    ]
    listing = table(
        ["", "outcome", "case", "differs in"],
        [
            ("ok" if one.ok else "NO", one.outcome, f"{one.file}: {one.title}", "; ".join(one.differences))
            for one in results
        ],
    )
    text = f"{listing}\n\n{len(results) - len(failed)} of {len(results)} cases come out as expected"
    show("policy.test/1", data, text, as_json=as_json, exit_code=3 if failed else 0)
