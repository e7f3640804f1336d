"""`govtool gate`: may this model version ship, and would the same evidence still say so?"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govtool.cli.output import JsonFlag, clean, examples, note, show, table
from govtool.cli.policy import PolicyOption, folder

if TYPE_CHECKING:
    from govtool.policy.gate import Evaluation

app = typer.Typer(help="May this model ship? Judge it, judge it again, explain a rule.", no_args_is_help=True)

_REFUSED = 3


@app.command(
    epilog=examples(
        "govtool gate check triage@1.2",
        "govtool gate check triage@1.2 --strict --json",
        "govtool gate check triage@1.2 --policy policies",
    )
)
def check(
    version: Annotated[str, typer.Argument(metavar="MODEL@VERSION", help="The model version, or a prefix of its id.")],
    policy: PolicyOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 3 for GO-WITH-CONDITIONS too.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Judge a model version and record the decision. Exit 0 GO, 3 NO-GO, 4 UNDECIDED."""
    from govtool.cli.context import open_workspace
    from govtool.policy import document, gate
    from govtool.registry import service
    from govtool.verdict import GateOutcome

    workspace = open_workspace()
    policy_set = document.load(folder(policy))
    with workspace.write() as session:
        row = service.model_version(session, version)
        decision = gate.decide(session, workspace.vault, row, policy_set, now=workspace.now, by=workspace.actor)
        ref = row.ref
        evaluation = gate.replay(session, workspace.vault, decision)  # what is shown is what the pinned bytes say
    outcome = GateOutcome(decision.outcome)
    conditions = strict and outcome is GateOutcome.GO_WITH_CONDITIONS
    data = {
        "decision": decision.id,
        "model_version": ref,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "rules": decision.rules,
        "notes": list(evaluation.notes),
        "policy_sha256": decision.policy_sha256,
        "policy_files": decision.policy_files,
        "facts_sha256": decision.facts_sha256,
        "judged_at": decision.recorded_at,
        "judged_by": decision.recorded_by,
    }
    text = f"{_text(ref, evaluation)}\n\ndecision {decision.id}, policy {decision.policy_sha256[:12]}…"
    if not as_json:
        note(f"next: govtool gate explain RULE, or govtool gate replay {decision.id}")
    show("gate.check/1", data, text, as_json=as_json, exit_code=_REFUSED if conditions else outcome.exit_code)


@app.command(epilog=examples("govtool gate replay dec-7k3m9q2x4t0v", "govtool gate replay dec-7k --json"))
def replay(
    decision: Annotated[str, typer.Argument(help="The decision's id, or a prefix of it.")], as_json: JsonFlag = False
) -> None:
    """Judge again from the pinned policy and facts. Exit 0 when the result is the same, 5 when it is not."""
    from govtool.cli.context import open_workspace
    from govtool.digest import rfc3339
    from govtool.policy import gate

    workspace = open_workspace()
    with workspace.read() as session:
        row = gate.decision(session, decision)
        evaluation = gate.replay(session, workspace.vault, row)
    data = {
        "decision": row.id,
        "same": True,
        "outcome": row.outcome,
        "reason": row.reason,
        "policy_sha256": row.policy_sha256,
        "facts_sha256": row.facts_sha256,
        "judged_at": row.recorded_at,
    }
    text = (
        f"SAME RESULT  {row.id} of {rfc3339(row.recorded_at)}: {evaluation.outcome}\n{clean(evaluation.reason, 2000)}\n\n"
        f"Judged again from policy {row.policy_sha256[:12]}… and facts {row.facts_sha256[:12]}…; "
        f"{len(evaluation.rules)} rules, outcome and sentences agree."
    )
    show("gate.replay/1", data, text, as_json=as_json)


@app.command(epilog=examples("govtool gate explain MIA-001", "govtool gate explain MIA-001 --policy policies"))
def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The rule's id.")],
    policy: PolicyOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say in plain words what a rule asks, of which models, and why."""
    from govtool.policy import document
    from govtool.policy.explain import condition, explain, requirement

    policy_set = document.load(folder(policy))
    owner, found = policy_set.find(rule)
    data: dict[str, Any] = {
        "id": found.id,
        "title": found.title,
        "severity": found.severity,
        "asks": requirement(found.check),
        "of": condition(found.when, policy_set.levels),
        "why": found.why,
        "cite": list(found.cite),
        "policy": {"id": owner.id, "version": owner.version, "mode": owner.mode, "owner": owner.owner},
    }
    show("gate.explain/1", data, explain(owner, found, policy_set.levels), as_json=as_json)


def _text(ref: str, evaluation: "Evaluation") -> str:
    rules = table(
        ["rule", "verdict", "what it means"], [(one.id, one.verdict, one.sentence) for one in evaluation.rules]
    )
    parts = [f"{evaluation.outcome}  {ref}", clean(evaluation.reason, 2000), ""]
    parts += [f"note: {clean(text)}" for text in evaluation.notes]
    parts += [""] if evaluation.notes else []
    return "\n".join([*parts, rules])
