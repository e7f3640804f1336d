"""govtool audit defences: what would rounding, noise, differential privacy ... buy on this model?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govtool.cli.output import JsonFlag, examples, note, show, table
from govtool.cli.progress import Progress
from govtool.cli.spec_file import spec_bytes

if TYPE_CHECKING:
    from govtool.audits.models import AttackRecord

EXAMPLES = examples(
    "govtool audit defences triage@1.2 --spec defences.yaml",
    "govtool audit defences triage@1.2 --spec defences.yaml --json",
)
_UNDECIDED = 4


def defences(
    model: Annotated[str, typer.Argument(metavar="MODEL@VERSION", help="The registered version to protect.")],
    spec: Annotated[Path, typer.Option("--spec", help="The defences.yaml that says what to try.")],
    trust_factory: Annotated[
        list[str] | None,
        typer.Option("--trust-factory", metavar="MODULE:FUNCTION", help="Build models with it, which runs its code."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """What would each defence buy, against an attacker who knows of it? Leaves 4 when the figures do not count."""
    from govtool.audits import defences as audits
    from govtool.audits import defences_spec
    from govtool.cli.context import open_workspace
    from govtool.evidence.ledger import values

    data = spec_bytes(spec)
    parsed = defences_spec.parse(data, str(spec))
    ws = open_workspace()
    with Progress() as progress:
        row = audits.run_audit(
            ws.write,
            ws.vault,
            model,
            parsed,
            data,
            clock=ws.clock,
            by=ws.actor,
            progress=progress,
            trust_factory=trust_factory or (),
        )
    note(f"next: govtool audit show {row.run_id}")
    code = 0 if row.status == "completed" else _UNDECIDED
    show("audit.defences/1", values(row), in_words(row), as_json=as_json, exit_code=code)


def in_words(row: "AttackRecord") -> str:
    """One line per defended model, and what must be said beside it."""
    lines = [f"run {row.run_id}"]
    if row.status != "completed":
        lines.append(f"the figures below do not count: {row.reason}")
    headers = ["defence", "setting", "accuracy", "membership AUC", "classes recognised", "what it buys"]
    lines += ["", table(headers, [_line(one) for one in row.detail["defences"]]), ""]
    lines += [f"caveat: {caveat}" for caveat in row.caveats]
    return "\n".join(lines)


def _line(found: dict[str, Any]) -> list[str]:
    leak, drawn, bought = found["membership"], found["inversion"], found["bought"]
    shown = "not asked" if drawn is None else drawn if isinstance(drawn, str) else _rate(drawn["rate"])
    return [
        found["defence"],
        found["setting"],
        f"{found['accuracy']['value']:.1%}",
        f"{leak['auc']['value']:.3f} ({leak['auc']['low']:.3f} to {leak['auc']['high']:.3f})",
        shown,
        "(compared with this)" if bought is None else bought["said"],
    ]


def _rate(found: dict[str, Any]) -> str:
    return f"{found['value']:.0%} ({found['low']:.0%} to {found['high']:.0%})"
