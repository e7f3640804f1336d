"""govtool audit gradients: what an update of federated learning gives away, asked and told in plain words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govtool.cli.output import JsonFlag, examples, note, show, table
from govtool.cli.progress import Progress
from govtool.cli.spec_file import spec_bytes
from govtool.reports.gradient_view import HOW, NOTHING

if TYPE_CHECKING:
    from govtool.audits.models import AttackRecord

EXAMPLES = examples(
    "govtool audit gradients triage@1.2 --spec gradients.yaml",
    "govtool audit gradients triage@1.2 --spec gradients.yaml --defences",
    "govtool audit gradients triage@1.2 --update captured.safetensors --spec gradients.yaml",
)
_MOST_FILE = 8 << 30


def gradients(
    model: Annotated[
        str, typer.Argument(metavar="MODEL@VERSION", help="The registered version that clients are sent.")
    ],
    spec: Annotated[Path, typer.Option("--spec", help="The gradients.yaml that says what is known.")],
    update: Annotated[
        Path | None,
        typer.Option(
            "--update", metavar="FILE", help="An intercepted update (.safetensors); without it, some are made."
        ),
    ] = None,
    defences: Annotated[
        bool,
        typer.Option("--defences", help="Also measure what noise, clipping, compression and aggregation would buy."),
    ] = False,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures", help="Keep what was drawn in the vault. It is personal data; without this, none is kept."
        ),
    ] = False,
    trust_factory: Annotated[
        list[str] | None,
        typer.Option("--trust-factory", metavar="MODULE:FUNCTION", help="Build models with it, which runs its code."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """What does an update reveal? Leaves 3 when a record was recovered, 0 when enough were tried in vain, 4 when undecided."""
    from govtool.attacks.gradient.catalog import GRADIENT_ATTACKS
    from govtool.audits import gradients as audits
    from govtool.audits import gradients_spec
    from govtool.cli.context import open_workspace
    from govtool.evidence.ledger import values

    data = spec_bytes(spec)
    parsed = gradients_spec.parse(data, str(spec), GRADIENT_ATTACKS)
    captured = None if update is None else audits.Captured(update.name, spec_bytes(update, _MOST_FILE))
    ws = open_workspace()
    with Progress() as progress:
        rows = audits.run_audit(
            ws.write,
            ws.vault,
            model,
            parsed,
            data,
            clock=ws.clock,
            by=ws.actor,
            captured=captured,
            defences=defences,
            pictures=pictures,
            progress=progress,
            trust_factory=trust_factory or (),
        )
    note(f"next: govtool audit show {rows[0].run_id}")
    text = "\n\n".join(f"run {row.run_id}, {row.attack}:\n" + "\n".join(in_words(row)) for row in rows)
    show("audit.gradients/1", [values(row) for row in rows], text, as_json=as_json, exit_code=exit_code(rows))


def exit_code(rows: "Sequence[AttackRecord]") -> int:
    """3 where any was recovered, 0 where all passed, 4 otherwise."""
    found = [one["verdict"] for row in rows for one in row.detail.get("findings", [])]
    if "FAIL" in found:
        return 3
    return 0 if found and len(found) == len(rows) and set(found) == {"PASS"} else 4


def in_words(row: "AttackRecord") -> list[str]:
    """The finding, what each attack drew beside what nobody had to attack for, and what each defence would buy."""
    if row.status != "completed":
        return [f"  undecided, because nothing could be measured: {row.reason}"]
    about = row.detail["gradients"]
    lines = [f"  {one['verdict']}: {one['reason']}" for one in row.detail["findings"]]
    lines += [f"  the attacker: {row.knowledge}", ""]
    lines += _marked(row, about) if row.metrics else _unmarked(about)
    for name, reasons in about["untried"].items():
        lines += [
            f"  not tried: {HOW.get(name, name)} ({count} of {about['updates']}): {why}"
            for why, count in reasons.items()
        ]
    if about.get("defences"):
        lines += [
            "",
            "  what each defence would buy, before an attacker who adapts to it:",
            _defences(about["defences"]),
        ]
    control = row.detail["positive_control"]
    word = {True: "passed", False: "NOT passed", None: "not run"}[control["passed"]]
    return [
        *lines,
        "",
        f"  positive control: {word} ({control['how']})",
        *(f"  caveat: {text}" for text in row.caveats),
    ]


def _marked(row: "AttackRecord", about: dict[str, Any]) -> list[str]:
    each = f"{about['records_per_update']} record{'s' if about['records_per_update'] != 1 else ''} each"
    exposed, recovered, named = (row.metrics[key] for key in ("updates_exposed", "records_recovered", "records_named"))
    chance = row.baselines["records_named"]
    thresholds = about["thresholds"]
    lines = [
        (
            f"  {about['updates']} update{'s' if about['updates'] != 1 else ''} of {each}; a record counts as recovered over {thresholds['recovered_db']:g} dB and "
            f"{thresholds['above_others_db']:g} dB nearer than anyone else's"
        ),
        f"  updates that gave a record away: {_share(exposed)}",
        f"  records recovered: {_share(recovered)}",
        (
            f"  records picked from a line-up of {about['line_up']:,}: {_share(named)}; guessing: {chance:.1%}; "
            f"p = {about['named']['p_value']:.2g}"
        ),
        f"  labels the attacker had right: {about['labels_right']:.1%}",
        (
            f"  length of a record's own gradient: {about['norms']['median']:.3g} ({about['norms']['smallest']:.3g} to "
            f"{about['norms']['largest']:.3g})"
        ),
        "",
    ]
    rows = [
        [
            HOW.get(one["name"], one["name"]),
            f"{one['recovered']} of {one['records']}",
            _db(one["psnr"]),
            _alike(one["ssim"]),
            _far(one),
        ]
        for one in about["attacks"]
    ]
    rows += [[f"no attack: {NOTHING[name]}", "-", _db(found), "-", "-"] for name, found in about["baselines"].items()]
    headers = ["how", "recovered", "likeness in dB: median (95 %)", "SSIM", "misses the update by"]
    return [*lines, table(headers, rows), ""]


def _unmarked(about: dict[str, Any]) -> list[str]:
    rows = [
        [HOW.get(one["name"], one["name"]), str(one["drawn"]), str(one["sure"]), _far(one)] for one in about["attacks"]
    ]
    headers = ["how", "records drawn", "surely no mixture", "misses the update by"]
    explained = "  a miss near 0 means: these records, and hardly any others, give this update"
    return [table(headers, rows), explained, ""]


def _defences(rows: list[dict[str, Any]]) -> str:
    lines = []
    for one in rows:
        if "reason" in one:
            lines.append([one["title"], one["reason"], "-", "-"])
            continue
        naive = "-" if one["naive_db"] is None else _db(one["naive_db"])
        title = one["title"] + (" (not searched)" if one["unsearched"] else "")
        lines.append([title, _share(one["exposed"]), _db(one["adaptive_db"]), naive])
    headers = ["defence", "updates that still give a record away", "dB, attacker adapts", "dB, attacker does not"]
    shown = table(headers, lines)
    if any(one.get("unsearched") for one in rows):
        shown += f"\n{_UNSEARCHED}"
    return shown


_UNSEARCHED = (
    "  not searched: more records in an update than most_searched allows, so these figures may flatter the defence"
)


def _share(found: dict[str, Any]) -> str:
    return f"{found['value']:.1%} ({found['low']:.1%} to {found['high']:.1%}, n = {found['n']})"


def _db(found: dict[str, Any] | None) -> str:
    return "none" if found is None else f"{found['median']:.1f} ({found['low']:.1f} to {found['high']:.1f})"


def _alike(found: dict[str, Any] | None) -> str:
    return "-" if found is None else f"{found['median']:.2f}"


def _far(one: dict[str, Any]) -> str:
    return "-" if one["residual"] is None else f"{one['residual']:.2g} of its length"
