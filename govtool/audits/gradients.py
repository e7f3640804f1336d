"""Audits what updates of federated learning give away: one that was intercepted, or some made here, and remembers it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from govtool import runtime
from govtool.access import Access
from govtool.attacks.gradient import result, trial
from govtool.attacks.gradient.attacker import Attacker, GradientAttack
from govtool.attacks.gradient.catalog import GRADIENT_ATTACKS
from govtool.attacks.gradient.defences import DEFENCES
from govtool.attacks.gradient.marking import Design
from govtool.attacks.gradient.update import Local
from govtool.attacks.interface import Outcome, Records
from govtool.attacks.inversion.question import Bounds, Shape
from govtool.audits import data, factories, update_file
from govtool.audits import plan as plans
from govtool.audits.book import Book, OpenWrite, reason_of
from govtool.audits.data import Source
from govtool.audits.gradients_spec import GradientsSpec, Simulate
from govtool.audits.models import AttackRecord, AuditRun
from govtool.audits.spec import DatasetRows
from govtool.audits.stage import Progress
from govtool.audits.targets import open as opener
from govtool.digest import sha256_bytes
from govtool.errors import InputError
from govtool.evidence import ledger
from govtool.evidence.vault import Vault
from govtool.registry import lineage, service
from govtool.registry.models import ModelVersion
from govtool.runtime import Clock, new_id

GROUPS = ("records", "others", "public")
_PLANE = 2


@dataclass(frozen=True)
class Captured:
    """An intercepted file."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Settled:
    """Everything the spec left open, settled before any work."""

    version: ModelVersion
    sources: Mapping[str, list[Source]]
    spec: GradientsSpec
    captured: Captured | None
    defences: bool
    pictures: bool

    @property
    def simulate(self) -> Simulate:
        return self.spec.simulate or Simulate()

    @property
    def names(self) -> dict[str, str]:
        """What is run, by the name of its record: its stage. The untrained model is another record: other figures."""
        if self.captured is not None:
            return {result.NAME: "registered"}
        return {result.NAME if at == "registered" else f"{result.NAME}_{at}": at for at in self.simulate.at}

    def to_dict(self) -> dict[str, Any]:
        what = "an intercepted update" if self.captured else "updates made here"
        return {
            "model": self.version.ref,
            "artifact_sha256": self.version.artifact_sha256,
            "target": f"gradient inversion of {what}",
            "update": {"sha256": sha256_bytes(self.captured.data)} if self.captured else None,
            # By the name that other audits use for the records whose privacy is at stake.
            "records": {
                {"records": "members"}.get(group, group): [one.to_dict() for one in found]
                for group, found in self.sources.items()
            },
            "counts": {group: sum(len(one.rows) for one in found) for group, found in self.sources.items() if found},
            "attacks": {name: {} for name in self.names},
            "families": dict.fromkeys(self.names, result.FAMILY),
            "seed": self.spec.seed,
        }


def run_audit(
    open_write: OpenWrite,
    vault: Vault,
    ref: str,
    spec: GradientsSpec,
    spec_bytes: bytes,
    *,
    clock: Clock,
    by: str,
    captured: Captured | None = None,
    defences: bool = False,
    pictures: bool = False,
    progress: Progress = lambda _step, _done, _total: None,
    trust_factory: Collection[str] = (),
) -> list[AttackRecord]:
    """Attack an intercepted update of `ref`, or updates made from registered records. The records are returned as written.

    Raises:
        NotFoundError: the version or a dataset is not registered (nothing is recorded).
        InputError: the spec does not fit what was given (nothing is recorded), or file, records and model do not belong
            together (recorded as a failed run).
        UntrustedArtifactError: a factory of somebody's own that `trust_factory` does not name.
        WorkError: the model did not load; recorded as a failed run.
        EvidenceError: a dataset or artifact is not what was registered; recorded as a failed run.
    """
    began = runtime.monotonic()
    book = Book(open_write, vault, clock, by, new_id("run"))
    stored = vault.put(spec_bytes)
    with open_write() as session:
        settled = settle(session, ref, spec, captured, defences=defences, pictures=pictures)
        factories.vouch([settled.version.factory], trust_factory)
        run = AuditRun(
            id=book.run_id,
            model_version_id=settled.version.id,
            access=sorted(str(access) for access in opener.ALL | {Access.GRADIENTS}),
            spec_sha256=stored.sha256,
            resolved=settled.to_dict(),
            seed=spec.seed,
            versions=plans.versions(),
        )
        ledger.record(session, run, now=clock(), by=by)
    rows = []
    try:
        for name, at in settled.names.items():
            started = runtime.monotonic()
            outcome = _attempt(book.vault, settled, at, progress)
            kept: dict[str, Any] = {"seed": spec.seed}
            if captured is not None:  # the very bytes that were received
                kept["update"] = np.frombuffer(captured.data, dtype=np.uint8)
            row = book.found(name, result.FAMILY, outcome, kept, runtime.monotonic() - started)
            book.add(row)
            rows.append(row)
    except Exception as error:
        book.add(book.ended("failed", reason_of(error), began))
        raise
    book.add(book.ended("completed", "", began))
    return rows


def settle(
    session: Session, ref: str, spec: GradientsSpec, captured: Captured | None, *, defences: bool, pictures: bool
) -> Settled:
    """Find everything in the registry.

    Raises:
        NotFoundError: the version or a dataset is not registered.
        InputError: something needed is neither in the spec nor in the registry.
    """
    version = service.model_version(session, ref)
    if version.artifact_format != "safetensors":
        raise InputError(
            f"{version.ref} is registered as {version.artifact_format}; updates are of torch modules",
            hint="register the weights as .safetensors with --factory",
        )
    if (captured is None) != (spec.update is None):
        raise InputError(
            "--update and the spec's 'update' belong together",
            hint="give both for an intercepted file, or neither (simulate:) to let updates be made here",
        )
    if captured is not None and defences:
        raise InputError(
            "defences are tried on updates made here, not on an intercepted one", hint="leave --update out"
        )
    trained = lineage.datasets_of(session, version)
    sources: dict[str, list[Source]] = {}
    for group in GROUPS:
        asked: Sequence[DatasetRows] = getattr(spec, group)
        pairs = [(service.dataset_version(session, one.dataset), one) for one in asked]
        default = "others" if captured is not None else "records"
        if not pairs and group == default:
            pairs = [(row, DatasetRows(dataset=row.id)) for row in trained if row.label_column is not None]
        sources[group] = [data.source(group, row, item) for row, item in pairs]
        data.refuse_repeats(group, sources[group])
    if captured is None and not sources["records"]:
        raise InputError(
            "nothing says which records clients hold",
            hint=f"records: in the spec, or: govtool lineage add {version.ref} trained_on DATASET@VERSION",
        )
    return Settled(version, sources, spec, captured, defences, pictures)


def _attempt(vault: Vault, settled: Settled, at: str, progress: Progress) -> Outcome:
    spec = settled.spec
    groups = {group: data.read(settled.sources[group]) for group in GROUPS}
    if both := data.shared(groups["records"], groups["public"]):
        raise InputError(
            f"{both} public records are among the records behind the updates: the attacker would know the answers",
            hint="name records of other people under 'public'",
        )
    width = _width(groups, spec)
    opened = opener.open_target(
        settled.version,
        vault,
        exposed=opener.offered(settled.version),
        inputs=width,
        endpoint=None,
        environ={},
        trust_pickle=None,
    )
    target, net = opened.target, opened.target.module()
    for group in ("records", "others"):
        data.check_labels(groups[group], target.n_classes, group)
    attacker = _attacker(groups, spec, width)
    attacks = _attacks(spec)
    rng = runtime.rng(spec.seed, f"{result.NAME}-{at}")
    if settled.captured is not None:
        return _intercepted(settled, settled.captured, net, groups, attacker, target.n_classes, attacks, rng)
    records, asked = groups["records"], settled.simulate
    assert records is not None
    if at == "untrained":
        net = _untrained(settled.version, spec.seed)
    local = Local(spec.client.local_steps, spec.client.learning_rate or 1.0, spec.client.batch_norm == "batch")
    design = Design(asked.updates, asked.records, local, asked.labels_known, asked.server)
    return trial.simulated(
        net,
        _flat(records),
        attacker,
        target.n_classes,
        design,
        attacks,
        rng,
        defences=tuple(DEFENCES) if settled.defences else (),
        pictures=settled.pictures,
        progress=progress,
    )


def _intercepted(
    settled: Settled,
    captured: Captured,
    net: Any,
    groups: Mapping[str, Records | None],
    attacker: Attacker,
    classes: int,
    attacks: Mapping[str, GradientAttack],
    rng: np.random.Generator,
) -> Outcome:
    spec, truth, others = settled.spec, groups["records"], groups["others"]
    assert spec.update is not None
    if spec.update.labels is not None and max(spec.update.labels) >= classes:
        raise InputError(
            f"update: labels go up to {max(spec.update.labels)}; the model has the classes 0 to {classes - 1}"
        )
    if truth is not None and len(truth) != spec.update.records:
        raise InputError(
            f"records: {len(truth)} rows are named, and the update is said to come from {spec.update.records}",
            hint="name exactly the rows that made it, or leave records: out",
        )
    update = update_file.read(captured.data, net, spec.update, spec.client, captured.name)
    if truth is not None and others is not None:
        kept = ~data.among(others.features, truth.features)
        others = Records(others.features[kept], others.labels[kept])
    given = None if truth is None else _flat(truth)
    beside = _flat(others) if others is not None and len(others) else None
    return trial.captured(net, update, given, beside, attacker, classes, attacks, rng, pictures=settled.pictures)


def _flat(records: Records) -> Records:
    return replace(records, features=records.features.reshape(len(records), -1))


def _width(groups: Mapping[str, Records | None], spec: GradientsSpec) -> int:
    """Features of one record, which all groups and the shape must agree on.

    Raises:
        InputError: they do not, or nothing says it.
    """
    widths = {group: int(found.features[0].size) for group, found in groups.items() if found is not None}
    if spec.shape is not None:
        widths["shape"] = int(np.prod(spec.shape))
    if not widths:
        raise InputError("nothing says how many features a record has", hint="shape: or public: in the spec")
    if len(set(widths.values())) > 1:
        said = ", ".join(f"{group} {count}" for group, count in widths.items())
        raise InputError(f"records have different numbers of features: {said}")
    return widths.popitem()[1]


def _attacker(groups: Mapping[str, Records | None], spec: GradientsSpec, width: int) -> Attacker:
    """What is known. The range of the data is no secret; where the spec does not state it, it is taken from records at hand.

    Raises:
        InputError: nothing says it.
    """
    shape: Shape | None = None
    if spec.shape is not None:
        channels, height, across = (1, *spec.shape) if len(spec.shape) == _PLANE else spec.shape
        shape = (channels, height, across)
    public = groups["public"]
    if spec.range is not None:
        low, high = (np.full(width, one, dtype=np.float32) for one in spec.range)
        bounds = Bounds(low, high)
    else:
        known = next((found for group in ("public", "others", "records") if (found := groups[group]) is not None), None)
        if known is None:
            raise InputError("nothing says what range the features have", hint="range: [0, 1] in the spec")
        bounds = Bounds.of(_flat(known).features, image=shape is not None)
    return Attacker(bounds, shape, None if public is None else _flat(public), spec.most_searched)


def _attacks(spec: GradientsSpec) -> dict[str, GradientAttack]:
    """In the order of the catalogue, so that nothing is searched for that can be read."""
    wanted = spec.attacks
    return {
        name: one for name, one in GRADIENT_ATTACKS.items() if (one.by_default if wanted is None else name in wanted)
    }


def _untrained(version: ModelVersion, seed: int) -> Any:
    """The registered architecture at weights nobody has trained."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(runtime.rng(seed, "untrained").integers(2**53)))
        return factories.build(version.factory or "", version.factory_params).float()
