"""The demo's plot. Every govtool step is a command line, printed and run through the same entry point as the shell's."""

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from govtool.cli.demo import clients, train
from govtool.cli.demo.server import Served, serving
from govtool.digest import rfc3339, sha256_file
from govtool.errors import GovtoolError, InputError
from govtool.runtime import monotonic, new_token, system_clock

SEED = 20260310
BAD, GOOD = "digits-memorising", "digits-regularised"
WEIGHTS = {BAD: "memorising.safetensors", GOOD: "regularised.safetensors"}

SPEC = """\
schema: govtool.audit/v1
members: {members}@1
nonmembers: {nonmembers}@1
population: {population}@1
evaluation: digits-evaluation@1
references: 8
# Everybody here is given three digits that others wrote, so records are independent. Where they are not, count people.
unit: record
recipe:
{recipe}
attacks:
  combined: {{}}
  mi_face: {{shape: [8, 8]}}
  inversion_split_swap: {{shape: [8, 8], splits: 2}}
seed: 7
"""


class UnexpectedError(GovtoolError):
    """A demo step did not end as it must; the demo is also the end-to-end test."""


@dataclass
class Stage:
    """Prints what happens and keeps the time of each step."""

    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        typer.secho(f"\n== {title}", bold=True)
        started = monotonic()
        yield
        self.seconds[title] = round(monotonic() - started, 2)

    def govtool(self, *words: str, expect: int | tuple[int, ...] = 0) -> str:
        """Run one command in the workspace; returns its stdout.

        Raises:
            UnexpectedError: another exit code than this point of the story allows.
        """
        allowed = expect if isinstance(expect, tuple) else (expect,)
        from govtool.cli import run

        typer.secho("$ govtool " + " ".join(_quoted(word) for word in words), dim=True)
        captured = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(captured):
            code = run(words)
        text = captured.getvalue()
        if "--json" not in words:
            typer.echo(text.rstrip())
        if code not in allowed:
            raise UnexpectedError(
                f"govtool {words[0]} ended with {code}, expected {expect}", hint="this is a bug: please report it"
            )
        if allowed != (0,):
            typer.echo(f"(exit code {code})")
        return text

    def data(self, *words: str) -> Any:
        """What a script would read: the command's JSON envelope, not shown here."""
        text = self.govtool(*words, "--json")
        typer.secho("(JSON, read by the demo)", dim=True)
        return json.loads(text)["data"]


def _quoted(word: str) -> str:
    return f"'{word}'" if any(character in word for character in ' {}"') else word


def tell(folder: Path, timings: Path | None = None) -> None:
    """The whole job in a new folder.

    Raises:
        InputError: the folder exists and is not empty.
        UnexpectedError: a step did not end as it must.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty", hint="give a new folder")
    folder = folder.resolve()
    stage = Stage(folder)
    started = monotonic()
    with stage.step("1. A workspace"):
        folder.mkdir(parents=True, exist_ok=True)
        stage.govtool("init")
        _name_controller(folder)
    with stage.step("2. Two models on 1,797 handwritten digits, registered with their data"):
        parts = _train(folder)
        _register(stage)
    with stage.step("3. Privacy attacks on both"):
        _attack(stage)
    with stage.step("4. The gate"):
        _judge(stage)
    with stage.step("5. Assessments to sign"):
        documents = [_build(stage, name) for name in (BAD, GOOD)]
    with stage.step("6. The memorising model answers over HTTP; one of its users probes it"):
        log = _serve(stage, parts)
    with stage.step("7. The incident"):
        documents.append(_incident(stage, log))
    with stage.step("8. Evidence, and what happens to a copy that someone touched"):
        _verify(stage)
    total = monotonic() - started
    typer.secho(f"\nDone in {total:.0f} s.", bold=True)
    for document in documents:
        typer.echo(f"  document  {document}")
    typer.echo(f"  log       {log}\n  vault     {folder / 'vault'}\n  settings  {folder / 'govtool.toml'}")
    if timings:
        timings.write_text(json.dumps({**stage.seconds, "total": round(total, 2)}, indent=2))


def _name_controller(folder: Path) -> None:
    """The demo's organisation is invented, like its people; its name says so."""
    path = folder / "govtool.toml"
    text = path.read_text(encoding="utf-8")
    for key, value in {
        'name = ""\nregistration': 'name = "Example Hospital (invented)"\nregistration',
        'country = ""': 'country = "FR"',
        'authority = ""  ': 'authority = "CNIL"  ',
        'timezone = "UTC" ': 'timezone = "Europe/Paris" ',
    }.items():
        text = text.replace(key, value, 1)
    path.write_text(text, encoding="utf-8")


def _train(folder: Path) -> dict[str, train.Part]:
    parts = train.collections(SEED)
    (folder / "data").mkdir()
    for name, part in parts.items():
        part.save(folder / "data" / f"{name}.npz")
    train.train_and_save(train.MEMORISING, parts["scrambled-train"], folder / WEIGHTS[BAD], SEED)
    train.train_and_save(train.REGULARISED, parts["train"], folder / WEIGHTS[GOOD], SEED)
    share = f"{train.SCRAMBLED:.0%}"
    typer.echo(
        f"{BAD}: trained long on 600 records after {share} of the whole collection's labels were scrambled, so that it memorises"
    )
    typer.echo(f"{GOOD}: dropout, weight decay and few passes over 600 records with clean labels")
    return parts


def _register(stage: Stage) -> None:
    for name in [*train.PARTS, *(f"scrambled-{name}" for name in train.PARTS if name != "evaluation")]:
        scrambled = f"{train.SCRAMBLED:.0%} of the labels replaced at random; " if name.startswith("scrambled") else ""
        stage.govtool(
            "dataset", "add", f"digits-{name}", "1", f"data/{name}.npz", "--label", "y", "--subject", "person", "--level", "2",
            "--people", "writers", "--data-type", "handwriting", "--lawful-basis", "art6-1-f", "--class-unit", "group",
            "--owner", "Demo data office", "--origin", f"scikit-learn digits; {scrambled}people invented",
        )  # fmt: skip
    for name, prefix, recipe in ((BAD, "scrambled-", train.MEMORISING), (GOOD, "", train.REGULARISED)):
        stage.govtool("model", "add", name, "--purpose", "reads handwritten digits", "--owner", "Demo model office")
        stage.govtool(
            "model", "version", "add", name, "1", "--artifact", WEIGHTS[name],
            "--factory", recipe.factory, "--factory-params", json.dumps(recipe.factory_params),
        )  # fmt: skip
        stage.govtool("lineage", "add", f"{name}@1", "trained_on", f"digits-{prefix}train@1")
        stage.govtool("lineage", "add", f"{name}@1", "tested_on", f"digits-{prefix}holdout@1")
        stage.govtool(
            "deployment", "add", f"{name}-partner", f"{name}@1", "--environment", "production", "--audience", "partner",
            "--exposes", "probabilities", "--exposes", "weights", "--served-as", name, "--log-location", "service/inference.jsonl",
        )  # fmt: skip


def _attack(stage: Stage) -> None:
    for name, prefix, recipe in ((BAD, "scrambled-", train.MEMORISING), (GOOD, "", train.REGULARISED)):
        dumped = "\n".join(
            f"  {key}: {json.dumps(value)}" for key, value in recipe.model_dump(exclude_defaults=True).items()
        )
        spec = SPEC.format(
            members=f"digits-{prefix}train",
            nonmembers=f"digits-{prefix}holdout",
            population=f"digits-{prefix}population",
            recipe=dumped,
        )
        (stage.folder / f"audit-{name}.yaml").write_text(spec, encoding="utf-8")
        stage.govtool("audit", "run", f"{name}@1", "--spec", f"audit-{name}.yaml")


def _judge(stage: Stage) -> None:
    stage.govtool("gate", "check", f"{BAD}@1", expect=3)
    stage.govtool("gate", "check", f"{GOOD}@1", expect=0)


def _build(stage: Stage, name: str) -> Path:
    from govtool.reports.render import pdf_available

    suffix = "html" if pdf_available() else "pdf"
    out = f"assessment-{name}.{suffix}"
    stage.govtool("report", "build", "assessment", f"{name}@1", "--out", out)
    return stage.folder / out


def _serve(stage: Stage, parts: dict[str, train.Part]) -> Path:
    from govtool.audits.targets.torch_target import open_safetensors

    folder = stage.folder / "service"
    folder.mkdir()
    log = folder / "inference.jsonl"
    weights = stage.folder / WEIGHTS[BAD]
    keys = [new_token() for _ in range(clients.ORDINARY)]
    prober = new_token()
    served = Served(
        name=BAD,
        version="1",
        model_sha256=sha256_file(weights),
        target=open_safetensors(
            weights.read_bytes(), train.MEMORISING.factory, train.MEMORISING.factory_params, inputs=64
        ),
        keys={key: f"ward-{number}" for number, key in enumerate(keys, 1)} | {prober: "researcher"},
        log=log,
        clock=system_clock,
        log_secret=new_token().encode(),
    )
    candidates = {
        "members": parts["scrambled-train"],
        "nonmembers": parts["scrambled-holdout"],
        "population": parts["scrambled-population"],
    }
    with serving(served) as url:
        probe = clients.busy_day(url, BAD, keys, prober, parts["evaluation"], candidates, SEED)
    typer.echo(
        f"{clients.ORDINARY} ordinary credentials sent their own handwriting; all log lines were written by the server"
    )
    typer.echo(
        f"one credential, {served.principal(prober)}, ran a LOSS attack: {probe.queries} queries, "
        f"AUC {probe.auc.value:.2f} ({probe.auc.low:.2f} to {probe.auc.high:.2f}, n = {probe.auc.n})"
    )
    (folder / "prober.txt").write_text(served.principal(prober), encoding="utf-8")
    return log


def _incident(stage: Stage, log: Path) -> Path:
    stage.govtool(
        "incident", "open", "--title", "One credential queries training records", "--model", f"{BAD}@1",
        "--deployment", f"{BAD}-partner", "--summary", "Alert from the API team: one key asks about very many different records.",
    )  # fmt: skip
    incident = stage.data("incident", "list")[0]["id"]
    stage.govtool(
        "incident",
        "ingest",
        incident,
        str(log.relative_to(stage.folder)),
        "--source",
        "demo inference server",
        "--authority",
        "incident response plan",
    )
    stage.govtool("incident", "detect", incident)
    found = stage.data("incident", "show", incident)
    prober = (stage.folder / "service" / "prober.txt").read_text(encoding="utf-8")
    if found["accused"] != [prober]:
        raise UnexpectedError(f"detection accused {found['accused']}, the prober was {prober}")
    ordinary = found["last_detection"]["n_principals"] - 1
    typer.echo(f"accused: {prober}, which is the prober; {ordinary} ordinary credentials not accused")
    stage.govtool("incident", "scope", incident, "--principal", prober)
    aware = rfc3339(system_clock())
    stage.govtool(
        "incident", "aware", incident, "--at", aware, "--by", "Dana Example, DPO",
        "--reason", "the logs show that one outsider obtained answers for training records",
    )  # fmt: skip
    stage.govtool("incident", "clocks", incident)
    from govtool.reports.render import pdf_available

    out = "gdpr-article33-draft." + ("html" if pdf_available() else "pdf")
    stage.govtool("notify", "draft", incident, "--kind", "gdpr-article33", "--out", out)
    return stage.folder / out


def _verify(stage: Stage) -> None:
    stage.govtool("evidence", "verify")
    copy = Stage(stage.folder.parent / f"{stage.folder.name}-tampered-copy")
    if copy.folder.exists():
        shutil.rmtree(copy.folder)
    shutil.copytree(stage.folder, copy.folder)
    digest = sha256_file(stage.folder / "service" / "inference.jsonl")
    victim = copy.folder / "vault" / "sha256" / digest[:2] / digest[2:4] / digest
    victim.chmod(0o640)
    with victim.open("r+b") as stream:
        stream.seek(victim.stat().st_size // 2)
        byte = stream.read(1)
        stream.seek(-1, io.SEEK_CUR)
        stream.write(bytes([byte[0] ^ 1]))
    typer.echo(f"flipped one bit of one preserved log in a copy, {copy.folder}")
    copy.govtool("evidence", "verify", expect=5)
