"""`govtool evidence`: does it still verify, where does it come from, and how does a third party check it?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govtool.cli.output import JsonFlag, clean, examples, is_terminal, note, show, table

if TYPE_CHECKING:
    from govtool.evidence.verify import Verification

app = typer.Typer(help="Verify evidence, show its custody, prove single records to others.", no_args_is_help=True)


@app.command(
    "verify",
    epilog=examples(
        "govtool evidence verify",
        "govtool evidence verify --json",
        "govtool evidence verify --key VKEY --checkpoints /mnt/counsel/checkpoints.log",
    ),
)
def verify(
    key: Annotated[
        str | None, typer.Option(help="The verifier key, as `govtool init` printed it; else the workspace's own key.")
    ] = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Kept checkpoints to hold the ledger to; else the workspace's checkpoints.log.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute the ledger, every signature, every row and every byte in the vault. Exit code 5 if anything differs.

    With the key and checkpoints that you kept elsewhere, the answer does not rest on anything the workspace says.
    """
    from dataclasses import replace

    from govtool.cli.context import open_workspace
    from govtool.evidence.note import Verifier
    from govtool.evidence.tree import Problem
    from govtool.evidence.verify import verify as verify_all
    from govtool.evidence.witness import witnessed

    workspace = open_workspace()
    source = checkpoints or workspace.checkpoints
    kept = witnessed(source)  # before the snapshot, see verify
    verifier = Verifier.decode(key) if key else workspace.signer.verifier
    with workspace.read() as session:
        result = verify_all(
            session, workspace.vault, verifier, witnessed=kept, progress=_progress if is_terminal() else None
        )
    if result.checkpoints > 1 and not source.is_file():  # a crash may lose the first line, never the file after it
        lost = Problem(
            "witness", str(source), "missing, although checkpoints were signed: a rollback would go unnoticed"
        )
        result = replace(result, problems=(*result.problems, lost))
    data = {
        "ok": result.ok,
        "entries": result.leaves,
        "unsigned_entries": result.unsigned,
        "checkpoints": result.checkpoints,
        "kept_checkpoints": result.witnessed,
        "blobs_checked": result.blobs_checked,
        "unreferenced_blobs": result.unreferenced,
        "leftover_files": result.leftovers,
        "altered_blobs_set_aside": result.set_aside,
        "verifier_key": verifier.encode(),
        "problems": [{"kind": p.kind, "item": p.item, "detail": p.detail} for p in result.problems],
    }
    show(
        "evidence.verify/1",
        data,
        _text(result),
        as_json=as_json,
        exit_code=0 if result.ok else 5,
        warnings=_warnings(result),
    )


def _progress(done: int, total: int) -> None:
    typer.echo(f"\rverifying: {done} of {total} entries", err=True, nl=done >= total)


def _text(result: "Verification") -> str:
    counts = (
        f"{result.leaves} ledger entries, {result.checkpoints} signed checkpoints, {result.blobs_checked} stored files"
    )
    if result.ok:
        return f"evidence verifies: {counts}"
    lines = [f"{problem.kind}: {clean(problem.item)}\n    {clean(problem.detail)}" for problem in result.problems]
    return f"EVIDENCE DOES NOT VERIFY: {len(lines)} problem(s) in {counts}\n\n" + "\n".join(lines)


def _warnings(result: "Verification") -> list[str]:
    found = []
    if not result.leaves:
        found.append("the ledger is empty: nothing was recorded, so nothing was shown")
    if result.checkpoints and not result.witnessed:
        found.append("no checkpoint is kept outside the database (checkpoints.log), so a rollback would not be noticed")
    if result.damaged_witness_lines:
        found.append(f"{result.damaged_witness_lines} lines of checkpoints.log are unreadable")
    if result.unreferenced:
        found.append(f"{result.unreferenced} stored files that no record names (left by a command that failed)")
    if result.leftovers:
        found.append(f"{result.leftovers} unfinished files in the vault (left by a crash; nothing reads them)")
    if result.set_aside:
        found.append(f"{result.set_aside} altered files were set aside when the right bytes were stored again")
    return found


@app.command("show", epilog=examples("govtool evidence show ev-7k3m", "govtool evidence show run-9q2x --json"))
def show_record(identifier: Annotated[str, typer.Argument(metavar="ID")], as_json: JsonFlag = False) -> None:
    """A record as the ledger holds it; for an exhibit, its chain of custody too."""
    from govtool.cli.context import open_workspace
    from govtool.digest import rfc3339
    from govtool.evidence import custody, ledger
    from govtool.evidence.labels import record_label
    from govtool.evidence.lookup import find_record
    from govtool.evidence.models import EvidenceItem
    from govtool.evidence.proof import newest_head

    with open_workspace().read() as session:
        row = find_record(session, identifier)
        entry = json.loads(ledger.entry(type(row), ledger.values(row)))
        chain = custody.chain(session, row) if isinstance(row, EvidenceItem) else []
        newest = newest_head(session)
    signed = newest is not None and newest[1].size > row.ledger_index
    events = [
        {
            "id": event.id,
            "at": rfc3339(event.recorded_at),
            "by": event.recorded_by,
            "action": event.action,
            "purpose": event.purpose,
            "produced_sha256": event.produced_sha256,
            "detail": event.detail,
        }
        for event in chain
    ]
    data: dict[str, Any] = {"ledger_index": row.ledger_index, "signed": signed, **entry, "custody": events}
    fields = [
        (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for key, value in entry["body"].items()
    ]
    lines = [clean(record_label(entry["kind"], entry["body"])), ""]
    lines.append(f"ledger entry {row.ledger_index}, " + ("under a signed checkpoint" if signed else "not signed yet"))
    lines += ["", table(("field", "value"), fields)]
    if events:
        lines += [
            "",
            "chain of custody",
            table(("at", "by", "action", "purpose"), [(e["at"], e["by"], e["action"], e["purpose"]) for e in events]),
        ]
    show("evidence.show/1", data, "\n".join(lines), as_json=as_json)


@app.command(
    "checkpoint",
    epilog=examples("govtool evidence checkpoint", "govtool evidence checkpoint >> /mnt/counsel/checkpoints.txt"),
)
def checkpoint(
    sign_unsigned: Annotated[
        bool, typer.Option("--sign-unsigned", help="Vouch for entries that stand there unsigned; look at them first.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Sign the ledger's head if it is not signed yet, and print the newest checkpoint. Keep copies where nobody can edit them."""
    from govtool.cli.context import open_workspace
    from govtool.errors import UndecidedError
    from govtool.evidence.proof import newest_head
    from govtool.evidence.witness import witness, witnessed

    workspace = open_workspace()
    with workspace.write(sign_unsigned=sign_unsigned):
        pass
    kept = witnessed(workspace.checkpoints)
    with workspace.read() as session:
        newest = newest_head(session)
    if newest is None:
        raise UndecidedError("the ledger is empty: there is nothing to sign", hint="govtool model add, or govtool demo")
    row, head = newest
    if row.note not in kept.notes:
        witness(workspace.checkpoints, row.note)
    data = {"id": row.id, "origin": head.origin, "size": head.size, "root": head.root.hex(), "note": row.note}
    show("evidence.checkpoint/1", data, row.note.rstrip("\n"), as_json=as_json)


@app.command("keys", epilog=examples("govtool evidence keys"))
def keys(as_json: JsonFlag = False) -> None:
    """The public key that checks this workspace's checkpoints. Give it to whoever must verify, by another way than the evidence."""
    from govtool.cli.context import open_workspace

    verifier = open_workspace().signer.verifier
    data = {
        "verifier_key": verifier.encode(),
        "origin": verifier.name,
        "algorithm": "Ed25519",
        "sha256": verifier.fingerprint,
    }
    text = f"verifier key  {verifier.encode()}\nfingerprint   SHA-256 {verifier.fingerprint} (of the 32 bytes of the Ed25519 public key)"
    show("evidence.keys/1", data, text, as_json=as_json)


@app.command("proof", epilog=examples("govtool evidence proof ev-7k3m --out proof.json"))
def proof(
    identifier: Annotated[str, typer.Argument(metavar="ID")],
    out: Annotated[Path, typer.Option(help="Where to write the proof; it must not exist.")],
    as_json: JsonFlag = False,
) -> None:
    """Prove one record to a third party: writes the record, the hashes that lead to the signed head, and that head."""
    from govtool.cli.context import open_workspace
    from govtool.errors import InputError
    from govtool.evidence.lookup import find_record
    from govtool.evidence.proof import make_proof

    workspace = open_workspace()
    with workspace.read() as session:
        row = find_record(session, identifier)
        document = make_proof(session, row.ledger_index)
    try:
        with out.open("x", encoding="utf-8") as stream:
            stream.write(json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    note(f"next: govtool evidence check-proof {out} --key '{workspace.signer.verifier.encode()}'")
    data = {"id": row.id, "index": document["index"], "size": document["size"], "file": str(out)}
    show(
        "evidence.proof/1",
        data,
        f"proof of {row.id} (entry {document['index']} of {document['size']}) written to {out}",
        as_json=as_json,
    )


@app.command("check-proof", epilog=examples("govtool evidence check-proof proof.json --key 'NAME+HASH+BASE64'"))
def check_proof(
    file: Path,
    key: Annotated[str, typer.Option(help="The custodian's verifier key, as `govtool evidence keys` prints it.")],
    as_json: JsonFlag = False,
) -> None:
    """Check a proof. Needs no workspace and no network, only the custodian's public key."""
    from govtool.errors import InputError
    from govtool.evidence.note import Verifier
    from govtool.evidence.proof import verify_proof

    try:
        document = json.loads(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not JSON") from error
    if not isinstance(document, dict):
        raise InputError(f"{file} is not a proof")
    proven = verify_proof(document, Verifier.decode(key))
    record = proven.data.decode("utf-8", "replace")
    data = {"origin": proven.origin, "index": proven.index, "size": proven.size, "record": record}
    text = f"proven: entry {proven.index} of the {proven.size} that {proven.origin} signed\n{clean(record, 4000)}"
    show("evidence.check-proof/1", data, text, as_json=as_json)
