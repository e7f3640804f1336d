"""govtool audit: attack a registered model version and look at what came of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from govtool.cli.output import JsonFlag, examples, is_terminal, note, show, table

if TYPE_CHECKING:
    from govtool.audits.runner import RunSummary

app = typer.Typer(help="Attack a model version and remember what came of it.", no_args_is_help=True)


@app.command(
    epilog=examples(
        "govtool audit run triage@1.2 --spec audit.yaml",
        "govtool audit run triage@1.2 --spec audit.yaml --json",
        "govtool audit run own@1 --spec audit.yaml --trust-factory our_nets:wide",
    )
)
def run(
    model: Annotated[str, typer.Argument(metavar="MODEL@VERSION", help="The registered version to attack.")],
    spec: Annotated[Path, typer.Option("--spec", help="The audit.yaml that says what to do.")],
    trust_pickle: Annotated[
        str | None,
        typer.Option("--trust-pickle", metavar="SHA256", help="Load this pickle, which runs the code it contains."),
    ] = None,
    trust_factory: Annotated[
        str | None,
        typer.Option(
            "--trust-factory",
            metavar="MODULE:FUNCTION",
            help="Build the model with this function, which runs its code.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run the attacks that the spec asks for. Leaves 0 when any gave a usable figure, 4 when none did, whatever it is."""
    from govtool.attacks.catalog import ATTACKS
    from govtool.audits import runner
    from govtool.audits import spec as specs
    from govtool.cli.context import open_workspace
    from govtool.digest import parse_sha256
    from govtool.evidence.vault import open_regular

    with open_regular(spec) as stream:
        data = stream.read(
            (1 << 20) + 1
        )  # one more than a spec may have, so that the parser refuses and we do not choke
    parsed = specs.parse(data, str(spec), ATTACKS)
    trusted = parse_sha256(trust_pickle) if trust_pickle else None
    ws = open_workspace()
    with _Progress() as progress:
        done = runner.run_audit(
            ws.write,
            ws.vault,
            model,
            parsed,
            data,
            clock=ws.clock,
            by=ws.actor,
            progress=progress,
            trust_pickle=trusted,
            trust_factory=trust_factory,
        )
    rows = [[found.attack, found.status, _headline(found.metrics), found.reason] for found in done.attacks]
    text = (
        f"run {done.run_id} of {done.target}: {done.status} in {done.duration_s:.1f} s\n\n"
        f"{table(['attack', 'status', 'figure (95 % interval)', 'why'], rows)}"
    )
    if done.status == "completed":
        note(f"next: govtool audit show {done.run_id}, then govtool gate check {done.model}")
    show("audit.run/1", _plain(done), text, as_json=as_json, exit_code=_exit_code(done))


@app.command("list", epilog=examples("govtool audit list", "govtool audit list --model triage@1.2 --json"))
def list_runs(
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL@VERSION", help="Only runs of this version.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List runs, newest first. One that is 'started' is running, or crashed."""
    from govtool.audits import service
    from govtool.cli.context import open_workspace
    from govtool.registry import service as registry

    with open_workspace().read() as session:
        version = registry.model_version(session, model) if model else None
        found = [
            {
                "id": row.id,
                "model": row.resolved["model"],
                "target": row.resolved["target"],
                "status": service.run_status(session, row),
                "recorded_at": row.recorded_at,
                "recorded_by": row.recorded_by,
            }
            for row in service.runs(session, version)
        ]
    rows = [
        [item["id"], item["model"], item["target"], item["status"], f"{item['recorded_at']:%Y-%m-%d %H:%M} UTC"]
        for item in found
    ]
    text = table(["run", "model", "target", "status", "started"], rows) if rows else "no audit was run yet"
    show("audit.list/1", found, text, as_json=as_json)


@app.command("show", epilog=examples("govtool audit show 7k3m", "govtool audit show run-7k3m --json"))
def show_run(
    prefix: Annotated[str, typer.Argument(metavar="RUN", help="The run's id or its beginning.")],
    as_json: JsonFlag = False,
) -> None:
    """Show what each attack of a run found, with intervals, reasons and caveats."""
    from govtool.audits import service
    from govtool.cli.context import open_workspace
    from govtool.evidence.ledger import values

    with open_workspace().read() as session:
        row = service.run(session, prefix)
        ended = service.outcome(session, row.id)
        records = service.records(session, row.id)
        data = {
            "run": values(row),
            "status": service.run_status(session, row),
            "outcome": values(ended) if ended else None,
            "records": [values(record) for record in records],
        }
    lines = [
        f"run {row.id} of {row.resolved['model']} ({row.resolved['target']}): {data['status']}",
        f"records: {', '.join(f'{count} {group}' for group, count in row.resolved['counts'].items())}; seed {row.seed}",
    ]
    if ended and ended.error:
        lines.append(f"why: {ended.error}")
    for record in records:
        lines += ["", f"{record.attack}: {record.status}" + (f" - {record.reason}" if record.reason else "")]
        lines += _figures(record)
    show("audit.show/1", data, "\n".join(lines), as_json=as_json)


@app.command(epilog=examples("govtool audit attacks", "govtool audit attacks --json"))
def attacks(as_json: JsonFlag = False) -> None:
    """List the attacks there are, what they need and which paper they follow."""
    from govtool.attacks.catalog import ATTACKS

    found = [
        {
            "name": attack.name,
            "family": attack.family,
            "needs": str(attack.needs),
            "needs_references": attack.needs_references,
            "summary": attack.summary,
            "reference": attack.reference,
            "taxonomy": attack.taxonomy,
        }
        for attack in ATTACKS.values()
    ]
    rows = [
        [
            item["name"],
            item["family"],
            f"{item['needs']}{', references' if item['needs_references'] else ''}",
            item["reference"],
        ]
        for item in found
    ]
    show("audit.attacks/1", found, table(["attack", "family", "needs", "paper"], rows), as_json=as_json)


def _figures(record: Any) -> list[str]:
    lines = []
    for name, found in record.metrics.items():
        baseline = record.baselines.get(name)
        against = f", {baseline:.3f} without any attack" if baseline is not None else ""
        lines.append(f"  {name}: {_interval(found)}, n = {found['n']}{against}")
    control = record.detail.get("positive_control")
    if control:
        verdict = {True: "passed", False: "NOT passed", None: "not run"}[control["passed"]]
        lines.append(f"  positive control: {verdict}")
    lines += [f"  caveat: {caveat}" for caveat in record.caveats]
    if record.evidence_sha256:
        lines.append(f"  evidence: sha256:{record.evidence_sha256}")
    return lines


def _headline(metrics: Any) -> str:
    for name in ("balanced_accuracy", "auc", "identification_rate", *metrics):
        if name in metrics:
            return f"{name} {_interval(metrics[name])}"
    return ""


def _interval(found: Any) -> str:
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _exit_code(done: "RunSummary") -> int:
    if done.status != "completed":
        return 6
    return 0 if any(found.status == "completed" for found in done.attacks) else 4


def _plain(done: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(done)


class _Progress:
    """A bar on a terminal; elsewhere one line on stderr per step, so that a log of a CI job shows where it stands."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._step = ""

    def __enter__(self) -> Self:
        if is_terminal():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __call__(self, step: str, done: int, total: int) -> None:
        changed, self._step = step != self._step, step
        if self._bar is None:
            if changed:
                note(f"{step} ...")
            return
        if changed:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(step, total=total)
        self._bar.update(self._task, completed=done)

    def __exit__(self, *_error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
