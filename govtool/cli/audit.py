"""govtool audit: attack a registered model version and look at what came of it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from govtool.audits.training.device import Device
from govtool.cli import (
    audit_defences,
    audit_embeddings,
    audit_gradients,
    audit_inversion,
    audit_privacy,
    audit_risk,
    audit_surface,
    audit_words,
)
from govtool.cli.output import JsonFlag, examples, note, show, table
from govtool.cli.progress import Progress
from govtool.cli.spec_file import spec_bytes

app = typer.Typer(help="Attack a model version and remember what came of it.", no_args_is_help=True)
audit_privacy.register(app)

ClusterOption = Annotated[
    str,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Train reference models on dask://HOST:PORT, ray://HOST:PORT or ray://auto; local: on this machine.",
    ),
]
NoCacheFlag = Annotated[
    bool, typer.Option("--no-cache", help="Train every reference model, and keep none for later runs.")
]


@app.command(
    epilog=examples(
        "govtool audit run triage@1.2 --spec audit.yaml",
        "govtool audit run triage@1.2 --spec audit.yaml --json",
        "govtool audit run triage@1.2 --spec audit.yaml --budget 10m",
        "govtool audit run triage@1.2 --spec audit.yaml --cluster dask://scheduler:8786",
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
        list[str] | None,
        typer.Option(
            "--trust-factory",
            metavar="MODULE:FUNCTION",
            help="Build or train models with this function, which runs its code. May be given several times.",
        ),
    ] = None,
    device: Annotated[
        Device | None, typer.Option("--device", help="Where reference models train, instead of what the spec says.")
    ] = None,
    cluster: ClusterOption = "local",
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="TIME",
            help="Train as many reference models as fit, such as 90s, 10m or 2h. Some attacks take longer than is kept for them.",
        ),
    ] = None,
    no_cache: NoCacheFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Run the attacks that the spec asks for. Leaves 0 when any gave a usable figure, 4 when none did, whatever it is."""
    from govtool.attacks.catalog import ATTACKS
    from govtool.audits import engine, fanout, runner
    from govtool.audits import spec as specs
    from govtool.cli.context import open_workspace
    from govtool.digest import parse_sha256

    data = spec_bytes(spec)
    parsed = specs.parse(data, str(spec), ATTACKS)
    if device is not None:
        parsed = parsed.model_copy(update={"device": device})
    if budget is not None:
        parsed = specs.within(parsed, budget)
    trusted = parse_sha256(trust_pickle) if trust_pickle else None
    where = fanout.parse(cluster)
    ws = open_workspace()
    with Progress() as progress, engine.opened(None if no_cache else ws.cache, where) as own:
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
            trust_factory=trust_factory or (),
            engine=own,
            tell=note,
        )
    if done.status == "completed":
        note(f"next: govtool audit show {done.run_id}, then govtool gate check {done.model}")
    show(
        "audit.run/1",
        audit_words.plain(done),
        audit_words.in_words(done),
        as_json=as_json,
        exit_code=audit_words.exit_code(done),
    )


@app.command(
    epilog=examples(
        "govtool audit synthetic patients-synthetic@1 --spec synthetic.yaml",
        "govtool audit synthetic patients-synthetic@1 --spec synthetic.yaml --json",
    )
)
def synthetic(
    dataset: Annotated[str, typer.Argument(metavar="DATASET@VERSION", help="The registered synthetic dataset.")],
    spec: Annotated[Path, typer.Option("--spec", help="The synthetic.yaml that says what to compare it with.")],
    as_json: JsonFlag = False,
) -> None:
    """Attack a synthetic dataset: singling out, linkability, inference, copies. Leaves 0 when any gave a usable figure."""
    from govtool.attacks.synthetic.catalog import SYNTHETIC_ATTACKS
    from govtool.audits import synthetic as audits
    from govtool.audits import synthetic_spec
    from govtool.cli.context import open_workspace

    data = spec_bytes(spec)
    parsed = synthetic_spec.parse(data, str(spec), SYNTHETIC_ATTACKS)
    ws = open_workspace()
    with Progress() as progress:
        done = audits.run_audit(
            ws.write, ws.vault, dataset, parsed, data, clock=ws.clock, by=ws.actor, progress=progress
        )
    if done.status == "completed":
        note(f"next: govtool audit show {done.run_id}")
    show(
        "audit.synthetic/1",
        audit_words.plain(done),
        audit_words.in_words(done),
        as_json=as_json,
        exit_code=audit_words.exit_code(done),
    )


@app.command(
    epilog=examples(
        "govtool audit unlearning triage@1 triage@2 --forget leavers@1 --retrained triage@retrained",
        "govtool audit unlearning triage@1 triage@2 --forget patients@1 --rows 0:200 --spec unlearning.yaml",
    )
)
def unlearning(
    before: Annotated[str, typer.Argument(metavar="BEFORE@VERSION", help="The version that knew the records.")],
    after: Annotated[str, typer.Argument(metavar="AFTER@VERSION", help="The version that should have forgotten them.")],
    forget: Annotated[
        str | None, typer.Option("--forget", metavar="DATASET@VERSION", help="The records to be forgotten.")
    ] = None,
    rows: Annotated[str, typer.Option("--rows", metavar="A:B", help="Only these rows of --forget.")] = ":",
    retrained: Annotated[
        str | None, typer.Option("--retrained", metavar="MODEL@VERSION", help="A version trained without them.")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option("--spec", help="An unlearning.yaml with what else is to be said.")
    ] = None,
    trust_factory: Annotated[
        list[str] | None,
        typer.Option("--trust-factory", metavar="MODULE:FUNCTION", help="Build models with it, which runs its code."),
    ] = None,
    cluster: ClusterOption = "local",
    no_cache: NoCacheFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Was it forgotten? Leaves 0 when as after retraining, 3 when not or when leakage was raised, 4 when undecided."""
    from govtool.audits import engine, fanout
    from govtool.audits import unlearning as audits
    from govtool.cli.audit_unlearning import asked, exit_code, in_words
    from govtool.cli.context import open_workspace
    from govtool.evidence.ledger import values

    data = spec_bytes(spec) if spec else b""
    settled, data = asked(data, str(spec), forget, rows, retrained)
    where = fanout.parse(cluster)
    ws = open_workspace()
    with Progress() as progress, engine.opened(None if no_cache else ws.cache, where) as own:
        row = audits.run_audit(
            ws.write,
            ws.vault,
            before,
            after,
            settled,
            data,
            clock=ws.clock,
            by=ws.actor,
            progress=progress,
            trust_factory=trust_factory or (),
            engine=own,
        )
    note(f"next: govtool audit show {row.run_id}")
    show("audit.unlearning/1", values(row), in_words(row), as_json=as_json, exit_code=exit_code(row))


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
                "model": row.resolved.get("model") or row.resolved["dataset"],
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
    from govtool.policy.standing import NEVER_TRIED

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
        f"run {row.id} of {row.resolved.get('model') or row.resolved['dataset']} ({row.resolved['target']}): {data['status']}",
        f"records: {', '.join(f'{count} {group}' for group, count in row.resolved['counts'].items())}; seed {row.seed}",
    ]
    if ended and ended.error:
        lines.append(f"why: {ended.error}")
    for record in records:
        if record.status in NEVER_TRIED:
            continue
        lines += ["", f"{record.attack}: {record.status}" + (f" - {record.reason}" if record.reason else "")]
        lines += _figures(record)
    lines += audit_words.untried([record for record in records if record.status in NEVER_TRIED])
    show("audit.show/1", data, "\n".join(lines), as_json=as_json)


app.command("gradients", epilog=audit_gradients.EXAMPLES)(audit_gradients.gradients)
app.command("embeddings", epilog=audit_embeddings.EXAMPLES)(audit_embeddings.embeddings)
app.command("risk", epilog=audit_risk.EXAMPLES)(audit_risk.risk)
app.command("surface", epilog=audit_surface.EXAMPLES)(audit_surface.surface)
app.command("defences", epilog=audit_defences.EXAMPLES)(audit_defences.defences)


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
    if "gradients" in record.detail:
        told = audit_gradients.in_words(record)
        return [*told, *([f"  evidence: sha256:{record.evidence_sha256}"] if record.evidence_sha256 else [])]
    lines = audit_inversion.in_words(record)
    for name, found in record.metrics.items():
        baseline = record.baselines.get(name)
        against = f", {baseline:.3f} without any attack" if baseline is not None else ""
        lines.append(f"  {name}: {audit_words.interval(found)}, n = {found['n']}{against}")
    if finding := record.detail.get("finding"):
        lines.insert(0, f"  finding: {finding.replace('_', ' ')}, at a margin of {record.detail['margin']:g}")
    if "statement" in record.detail:
        lines.append(f"  {record.detail['statement']}")
    for row in record.detail.get("vector_defences", []):
        read = row["figures"].get("field_gain") or row["figures"]["token_f1_gain"]
        kept = f"{row['neighbours_kept']:.0%} of the ten nearest neighbours kept"
        lines.append(f"  against {row['defence']}: {audit_words.interval(read)} read back beyond a guess; {kept}")
    control = record.detail.get("positive_control")
    if control:
        verdict = {True: "passed", False: "NOT passed", None: "not run"}[control["passed"]]
        lines.append(f"  positive control: {verdict}")
    lines += [f"  caveat: {caveat}" for caveat in record.caveats]
    if record.evidence_sha256:
        lines.append(f"  evidence: sha256:{record.evidence_sha256}")
    if record.references_sha256:
        lines.append(f"  reference models: sha256:{record.references_sha256}")
    return lines
