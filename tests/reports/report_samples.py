"""A small, complete story with fixed ids: a triage model, its data, one audit, one decision, one incident."""

import base64
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from govtool.attacks.interface import Figure
from govtool.attacks.inversion import recoverable, split_swap
from govtool.audits.models import AttackRecord, AuditOutcome, AuditRun
from govtool.digest import sha256_bytes
from govtool.estimate import Counts, Estimate, clopper_pearson
from govtool.evidence import ledger
from govtool.evidence.note import Signer
from govtool.evidence.vault import Vault
from govtool.policy.collect import collect
from govtool.policy.models import Decision
from govtool.registry.models import Dataset, DatasetVersion, Deployment, LineageEdge, Model, ModelVersion
from govtool.settings import Contact, Organisation

ORGANISATION = Organisation(
    name="Hôpital Saint-Exemple",
    registration="FR 000 000 000",
    address="1 rue de l'Exemple, 75000 Paris",
    country="FR",
    sector="Health care",
    authority="Commission nationale de l'informatique et des libertés (CNIL)",
    timezone="Europe/Paris",
    contact=Contact(
        name="A. Deléguée", role="Data protection officer", email="dpo@example.org", phone="+33 1 00 00 00 00"
    ),
    contact_is_dpo=True,
)
BY = "m.auditor@example.org"


def model(
    session: Session, vault: Vault, now: datetime, *, purpose: str = "Sort arriving patients by urgency"
) -> ModelVersion:
    """triage@1.2, trained on admissions@2024, in turn filtered from an unclassified extract."""

    def put(row: Any) -> Any:
        return ledger.record(session, row, now=now - timedelta(days=30), by=BY)

    put(Dataset(id="ds-admissions00", name="admissions", description="Emergency admissions", owner="Data office"))
    put(Dataset(id="ds-extract00000", name="his-extract", description="Raw extract", owner="IT"))
    put(_dataset_version("dsv-admissions0", "ds-admissions00", "2024", level=3, subjects=4812))
    put(_dataset_version("dsv-extract0000", "ds-extract00000", "7", level=None, subjects=None))
    put(Model(id="mod-triage00000", name="triage", description="", owner="Emergency department", purpose=purpose))
    weights = vault.put(b"weights of triage 1.2")
    version = put(
        ModelVersion(
            id="mv-triage12000", model_id="mod-triage00000", version="1.2", artifact_sha256=weights.sha256,
            artifact_name="triage.safetensors", artifact_format="safetensors", size_bytes=weights.size, factory="mlp",
            factory_params={}, endpoint=None,
        )
    )  # fmt: skip
    for number, (src, relation, dst) in enumerate(
        [("mv-triage12000", "trained_on", "dsv-admissions0"), ("dsv-admissions0", "filtered_from", "dsv-extract0000")]
    ):
        kinds = {"mv": "model_version", "ds": "dataset_version"}
        put(
            LineageEdge(
                id=f"edge-{number:012d}", src_kind=kinds[src[:2]], src_id=src, relation=relation, dst_kind=kinds[dst[:2]],
                dst_id=dst, basis="asserted", note="",
            )
        )  # fmt: skip
    put(
        Deployment(
            id="dep-portal00000", name="portal", model_version_id=version.id, environment="production", audience="partner",
            exposes=["probabilities"], url="https://triage.example.org/v2/models/triage/infer", served_as="triage",
            log_location="/var/log/triage.jsonl", log_retention_days=90,
        )
    )  # fmt: skip
    session.refresh(version, ["model"])
    return version


def _dataset_version(
    id_: str, dataset_id: str, version: str, *, level: int | None, subjects: int | None
) -> DatasetVersion:
    known = level is not None
    return DatasetVersion(
        id=id_, dataset_id=dataset_id, version=version, content_sha256=sha256_bytes(id_.encode()), size_bytes=1_900_000,
        location=f"/data/{id_}.npz", media_type="application/vnd.numpy.npz", row_count=6034, label_column="y",
        subject_column="patient" if known else None, subject_count=subjects, classification_level=level,
        sensitive_categories=["health"] if known else [], subject_categories=["patients"] if known else [],
        data_types=["vital signs", "age", "arrival mode"] if known else [], lawful_basis="Art. 9(2)(h) GDPR" if known else None,
        class_unit="group", origin="hospital information system",
    )  # fmt: skip


def audit(
    session: Session, vault: Vault, now: datetime, *, run_id: str = "run-spring00000", drawn: Figure | None = None
) -> list[AttackRecord]:
    """One completed run: a membership attack that works, an inversion that does not, a split swap that does, one through
    answers, one void, one not applicable. `drawn`: what the first inversion drew, instead of a grey pixel.
    """
    spec = vault.put(b"model: triage@1.2\nattacks: [loss_threshold, rmia, mi_face]\n")
    run = AuditRun(
        id=run_id, model_version_id="mv-triage12000", deployment_id="dep-portal00000", access=["probabilities"],
        spec_sha256=spec.sha256, resolved={}, seed=7, versions={"govtool": "0.1.0", "numpy": "2.1", "torch": "2.13"},
    )  # fmt: skip
    ledger.record(session, run, now=now - timedelta(days=2), by=BY)
    rows = [_membership(vault), _inversion(vault, drawn), _void(), _not_applicable(), _swap(), _black_box(vault)]
    for number, row in enumerate(rows):
        row.id, row.run_id = f"atk-{number}{run_id[-11:]}", run.id
        ledger.record(session, row, now=now - timedelta(days=2), by=BY)
    outcome = AuditOutcome(
        id="out" + run_id[3:], run_id=run.id, status="completed", error="", duration_s=61.0, finished_at=now
    )
    ledger.record(session, outcome, now=now - timedelta(days=2), by=BY)
    return rows


def _membership(vault: Vault) -> AttackRecord:
    fpr = [0.0, *(10 ** (-step / 20) for step in range(60, -1, -1))]
    tpr = [share**0.45 for share in fpr]
    counts = Counts(1060, 1500, 487, 1500)
    at_one = clopper_pearson(246, 1500)
    auc = Estimate(0.757, 0.740, 0.774, 0.95, 3000, "DeLong")
    return _record(
        "loss_threshold",
        "membership_inference",
        knowledge="The attacker queries the deployed model and sees its probabilities; holds public records of the same kind.",
        metrics={
            "auc": auc.to_dict(),
            "balanced_accuracy": counts.balanced_accuracy().to_dict(),
            "tpr_at_fpr_0.01": at_one.to_dict(),
        },
        baselines={"auc": 0.5, "balanced_accuracy": 0.5, "tpr_at_fpr_0.01": 0.01},
        counts={
            "true_positives": counts.true_positives,
            "members": 1500,
            "false_positives": counts.false_positives,
            "nonmembers": 1500,
        },
        detail={
            "roc": {"fpr": fpr, "tpr": tpr},
            "tpr_at_fpr": [
                {
                    "fpr": 0.01,
                    "resolvable": True,
                    "needed_nonmembers": 299,
                    "estimate": at_one.to_dict(),
                    "fpr_estimate": None,
                },
                {"fpr": 0.001, "resolvable": False, "needed_nonmembers": 2995, "estimate": None, "fpr_estimate": None},
            ],
            "threshold": {"value": -0.31, "source": "chosen on the population records, applied unchanged"},
            "positive_control": {
                "passed": True,
                "auc": Estimate(0.93, 0.90, 0.95, 0.95, 600, "DeLong").to_dict(),
                "how": "overfitted copy",
            },
            "blind_baseline": {"passed": True, "auc": Estimate(0.507, 0.486, 0.528, 0.95, 3000, "DeLong").to_dict()},
            "duplicates": 0,
            "references": 0,
            "mismatch": {},
        },
        evidence=vault.put(b"scores of loss_threshold").sha256,
        caveats=[
            "The 3,000 records come from 2,411 people. The intervals treat records as independent and are too narrow."
        ],
    )


def _inversion(vault: Vault, drawn: Figure | None = None) -> AttackRecord:
    drawn = drawn or Figure("reconstructions", "Above: reconstructed. Below: mean of the class's records.", png())

    def rate(hits: int) -> dict[str, Any]:
        return clopper_pearson(hits, 40).to_dict()

    def over_classes(value: float, reach: float) -> dict[str, Any]:
        return Estimate(value, value - reach, value + reach, 0.95, 40, "Bootstrap over classes").to_dict()

    judges = ("cnn", "lda", "gradients")
    return _record(
        "mi_face",
        "model_inversion",
        knowledge="The attacker holds the model's weights, can compute gradients through them, and knows the range of its inputs.",
        metrics={"identification_rate": rate(2)},
        baselines={"identification_rate": 0.025},
        counts={},
        detail={
            "evaluators": [
                {"name": name, "family": family, "real_accuracy": rate(37), "real_records": "training records of the target",
                 "rate": rate(hits), "top_five": rate(hits + 7), "top_class": [], "excluded": out,
                 "contrast_blind": name == "gradients", "rate_stretched": rate(hits)}
                for name, family, hits, out in zip(
                    judges, ("convolutional net with augmentation", "shrinkage linear discriminant analysis", "nearest neighbour on gradient directions"), (2, 5, 0), ("", "", "names only 71% of real records (at least 80% wanted)"), strict=True
                )
            ],
            "calibration": [
                {"row": row, "rates": {name: rate(hits) for name in judges}}
                for row, hits in (("real records", 37), ("class means", 33), ("grey image", 1), ("labels shifted by one", 1))
            ],
            "classes": [{"label": label, "target_confidence": 0.98, "distance_to_class_mean": 3.1} for label in range(40)],
            "search": {"loss": "margin", "prior": "spectrum", "steps": 100, "jitter": 0.0},
            "why_judges": "Other models judge, because the attacked model is sure of any picture made to please it.",
            "panel": {"lowest": 0.05, "highest": 0.125, "top_five": rate(12), "top_five_chance": 0.125},
            "chance": 0.025,
            "smallest_detectable": 0.0722,
            "fewest_hits": 4,
            "contrast": {"usual": 0.21, "median": 0.34, "faint": 3, "limit": 0.1},
            "resemblance": [
                {"row": row, "psnr": over_classes(decibels, 0.4), "ssim": over_classes(alike, 0.02), "feature_distance": over_classes(apart, 0.05)}
                for row, decibels, alike, apart in (
                    ("the reconstruction", 15.2, 0.31, 0.72), ("the mean of all training records", 16.7, 0.53, 0.88),
                    ("the nearest other training record", 21.4, 0.67, 0.31),
                )
            ],
            "ssim_gain": over_classes(-0.22, 0.03),
            "line_ups": [
                {"space": "correlation of values", "nearest": [], "whole_gallery": rate(3), "p_value": 0.0803, "of_five": over_classes(0.29, 0.08)},
                {"space": "features of judge cnn", "nearest": [], "whole_gallery": rate(9), "p_value": 0.00009999, "of_five": over_classes(0.5, 0.1)},
            ],
            "findings": [recoverable.find(recoverable.Heard([2, 5], 40), control=None)],
            "figures": [{"name": drawn.name, "caption": drawn.caption, "boxes": [list(box) for box in drawn.boxes]}],
            "positive_control": {"passed": None, "how": "not run"},
        },
        evidence=vault.put(b"reconstructions of mi_face").sha256,
        caveats=["A likeness of a class is not a copy of a record."],
        figures=[vault.put(drawn.png).sha256],
    )  # fmt: skip


def _black_box(vault: Vault) -> AttackRecord:
    """The same through answers, with its bill."""
    found = _inversion(vault)
    bill = {
        "total": 84_000,
        "classes": 40,
        "per_class": 2100.0,
        "budget_per_class": 3100,
        "repeated": 12,
        "price_per_1000": 1.5,
        "cost": 126.0,
    }
    keys = ("evaluators", "chance", "findings", "positive_control", "why_judges")
    return _record(
        "inversion_black_box",
        "model_inversion",
        knowledge="The attacker sees the model's scores.",
        metrics=found.metrics,
        baselines=found.baselines,
        detail={key: found.detail[key] for key in keys} | {"search": "cma", "searched": "what 40 public records span", "query_ledger": bill},
    )  # fmt: skip


def _swap() -> AttackRecord:
    """The person or the photo: a leak of records, beside the class question of `_inversion`."""
    advantage = Estimate(0.163, 0.135, 0.195, 0.95, 40, "Bootstrap over classes")
    nearest = Estimate(0.975, 0.94, 0.99, 0.95, 74, "Clopper-Pearson for trials grouped by class (Korn & Graubard)")
    ratio = Estimate(0.962, 0.941, 0.984, 0.95, 40, "Bootstrap over classes").to_dict()
    rows = (
        ("the drawing", 0.7, 0.537, 0.163),
        ("the mean of the class's training records", 0.9, 0.6, 0.3),
        ("the mean of all training records", 0.54, 0.535, 0.005),
    )
    return _record(
        "inversion_split_swap",
        "model_inversion",
        knowledge="The attacker holds the weights of a model and can compute gradients through them.",
        metrics={"swap_advantage": advantage.to_dict(), "nearest_is_training": nearest.to_dict()},
        baselines={"swap_advantage": 0.0, "nearest_is_training": 0.5},
        detail={
            "findings": [split_swap.judge(advantage, nearest, passed=True).to_dict()],
            "splits": 2,
            "twins": "4 models by the recipe (softmax), each trained on 40 of 80 training records",
            "likeness": "structural similarity (SSIM, data range 1), where 1 is an identical picture",
            "beside": [dict(zip(("row", "training", "other", "advantage"), row, strict=True)) for row in rows],
            "single_model": {"note": "weaker evidence than the swap", "classes": 40, "ratios": {"drawn": ratio, "class mean": ratio, "plain grey": ratio}},
            "chance": 0.5,
            "positive_control": {"passed": True, "how": "softmax regression trained on one record of each class"},
        },
    )  # fmt: skip


def _void() -> AttackRecord:
    return _record(
        "rmia",
        "membership_inference",
        status="void",
        reason="the attack did not find a leak that was planted for it (overfitted copy), so its figures show nothing",
        knowledge="The attacker also trains reference models by the target's recipe.",
        metrics={"auc": Estimate(0.51, 0.49, 0.53, 0.95, 3000, "DeLong").to_dict()},
        baselines={"auc": 0.5},
        detail={"positive_control": {"passed": False, "auc": None, "how": "overfitted copy"}},
    )


def _not_applicable() -> AttackRecord:
    return _record(
        "extraction",
        "training_data_extraction",
        status="not_applicable",
        reason="the model answers with class probabilities and generates no text",
    )


def _record(attack: str, family: str, **given: Any) -> AttackRecord:
    return AttackRecord(
        attack=attack,
        family=family,
        status=given.get("status", "completed"),
        reason=given.get("reason", ""),
        knowledge=given.get("knowledge", ""),
        access=["probabilities"] if family == "membership_inference" else ["gradients"],
        metrics=given.get("metrics", {}),
        baselines=given.get("baselines", {}),
        counts=given.get("counts", {}),
        detail=given.get("detail", {}),
        caveats=given.get("caveats", []),
        evidence_sha256=given.get("evidence"),
        figures=given.get("figures", []),
        duration_s=12.5,
    )


def decision(session: Session, vault: Vault, now: datetime, *, outcome: str = "NO-GO") -> Decision:
    """A decision of four rules, one of each kind of verdict."""
    judged = collect(session, session.get_one(ModelVersion, "mv-triage12000"), now - timedelta(days=1))
    policy, facts = vault.put(b'{"policy":1}'), vault.put(judged.canonical())
    accuracy = Estimate(0.6927, 0.6741, 0.7109, 0.95, 3000, "Clopper-Pearson on TPR and FPR, Bonferroni")
    rules = [
        _rule("membership-accuracy", "Membership inference stays near chance", "block", "FAIL",
              "Balanced accuracy of loss_threshold is at least 67.4 %, above the limit of 60 %.", accuracy, 0.6, "atk-0ing00000"),
        _rule("inversion", "Classes cannot be recovered", "block", "INCONCLUSIVE",
              "Between 0.6 % and 16.9 % of classes were recovered; the limit of 12.5 % lies inside.",
              clopper_pearson(2, 40), 0.125, "atk-1ing00000", needed=310),
        _rule("lineage-known", "Training data are known and classified", "warn", "WARN",
              "One dataset upstream is unclassified: his-extract@7.", None, None, "dsv-extract0000"),
        _rule("fresh", "Evidence is younger than 90 days", "block", "PASS", "The audit is 2 days old.", None, None, "run-spring00000"),
    ]  # fmt: skip
    row = Decision(
        id="dec-spring00000", model_version_id="mv-triage12000", outcome=outcome,
        reason="An attacker who only uses the portal can tell who was in the training data well above the agreed limit.",
        policy_sha256=policy.sha256, policy_files={"release.yaml": sha256_bytes(b"release")}, facts_sha256=facts.sha256,
        rules=rules, engine_version="0.1.0",
    )  # fmt: skip
    return ledger.record(session, row, now=now - timedelta(days=1), by=BY)


def _rule(
    id_: str, title: str, severity: str, verdict: str, sentence: str, measured: Estimate | None, limit: float | None,
    evidence: str, needed: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "id": id_, "title": title, "severity": severity, "verdict": verdict, "sentence": sentence,
        "why": "Membership alone tells that someone was a patient." if id_ == "membership-accuracy" else "",
        "cite": ["EDPB Opinion 28/2024, para. 55"] if measured else [], "measured": measured.to_dict() if measured else None,
        "limit": {"op": "<", "value": limit} if limit else None, "evidence": [evidence], "records_needed": needed, "attack": None,
    }  # fmt: skip


def sign(session: Session, signer: Signer, now: datetime) -> None:
    row = ledger.checkpoint(session, signer, now=now)
    assert row is not None


def png() -> bytes:
    """One grey pixel: the bytes are spelled out, because compressors of different machines write different ones."""
    return base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
    )


def incident(session: Session, vault: Vault, now: datetime, *, aware: timedelta | None = timedelta(hours=20)) -> str:
    """A case with one log, one exposure, one suspicion and a count of the people concerned."""
    from govtool.evidence.models import EvidenceItem
    from govtool.incidents.models import DetectionRun, Finding, Incident, IncidentEvent, LogIngest, Scope

    def put(row: Any, ago: timedelta = timedelta(hours=18)) -> Any:
        return ledger.record(session, row, now=now - ago, by="i.responder@example.org")

    put(
        Incident(
            id="inc-portal00000", title="Probing of the triage portal",
            summary="A partner key sent thousands of near-identical requests; reported by ops@example.org from 10.1.2.3.",
            model_version_id="mv-triage12000", deployment_id="dep-portal00000",
        ),
        timedelta(hours=30),
    )  # fmt: skip

    def event(
        number: int, kind: str, at: timedelta, whom: str, reason: str, detail: dict[str, Any] | None = None
    ) -> None:
        put(
            IncidentEvent(
                id=f"iev-{number:012d}",
                incident_id="inc-portal00000",
                kind=kind,
                at=now - at,
                by=whom,
                reason=reason,
                detail=detail or {},
            ),
            min(at, timedelta(hours=18)),
        )

    event(1, "first_alert", timedelta(hours=30), "Monitoring", "rate alarm on the portal")
    event(2, "escalated", timedelta(hours=26), "I. Responder", "pattern looks like membership queries")
    if aware is not None:
        event(3, "aware", aware + timedelta(hours=2), "A. Deléguée, DPO", "logs read")
        event(
            4,
            "aware",
            aware,
            "A. Deléguée, DPO",
            "training records confirmed in the answers; first reading was premature",
        )
    event(
        5,
        "field",
        timedelta(hours=2),
        "A. Deléguée, DPO",
        "",
        {"field": "measures_taken", "value": "Key revoked; answers rounded to labels.", "status": "known"},
    )
    event(
        6,
        "field",
        timedelta(hours=2),
        "A. Deléguée, DPO",
        "",
        {"field": "cross_border", "value": "Only people in France, as far as known.", "status": "estimate"},
    )
    log = vault.put(b"preserved log lines")
    put(
        EvidenceItem(
            id="ev-portallog00", case_id="inc-portal00000", description="Inference log", sha256=log.sha256, size=8_412_337,
            original_name="triage.jsonl", source_system="portal", source_locator="/var/log/triage.jsonl", source_modified_at=None,
            acquired_by="I. Responder", authority="DPO", tool="govtool", completeness="as found",
        )
    )  # fmt: skip
    put(
        LogIngest(
            id="ing-portal00000", incident_id="inc-portal00000", item_id="ev-portallog00", format="oip", original_sha256=log.sha256,
            events_sha256=vault.put(b"events").sha256, unreadable_sha256=vault.put(b"unreadable").sha256, n_lines=51_204, n_events=51_190,
            n_unreadable=14, n_blank=0, first_event_at=now - timedelta(days=9), last_event_at=now - timedelta(hours=29), coverage={},
        )
    )  # fmt: skip
    put(
        DetectionRun(
            id="det-portal00000",
            incident_id="inc-portal00000",
            ingests=["ing-portal00000"],
            detectors=[],
            n_events=51_190,
            n_principals=37,
        )
    )
    for number, (name, kind, who) in enumerate(
        [
            ("training_records_answered", "exposure", "key:1f3a9c0d2b4e"),
            ("near_duplicate_queries", "suspicion", "dr.house"),
        ]
    ):
        put(
            Finding(
                id=f"fnd-{number:012d}", run_id="det-portal00000", incident_id="inc-portal00000", detector=name, kind=kind, principal=who,
                session="s", statistic="matched records" if number == 0 else "share of near duplicates", value=812.0 if number == 0 else 0.94,
                threshold=1.0 if number == 0 else 0.35, baseline_n=36, window_start=now - timedelta(days=2), window_end=now - timedelta(hours=31),
                n_events=4_120, rows_sha256=vault.put(b"rows").sha256, summary="patient Jane Roe asked", counter_evidence=[], technique="AML.T0024",
            )
        )  # fmt: skip
    put(
        Scope(
            id="scp-portal00000", incident_id="inc-portal00000", dataset_version_id="dsv-admissions0", principals=["key:1f3a9c0d2b4e"],
            records_count=812, subjects_count=764, method="training records whose bytes equal an answered input", list_sha256=vault.put(b"list").sha256,
        )
    )  # fmt: skip
    return "inc-portal00000"
