"""Short ways to write facts and policies, so that each test shows only what it is about."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from govtool.access import Access
from govtool.estimate import Counts, Estimate
from govtool.policy.document import Level, Levels, MetricCheck, Policy, PolicySet, Rule, When
from govtool.policy.facts import AttackFact, DatasetFact, DeploymentFact, Facts, ModelFact, RowsFact

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
WEIGHTS = "a" * 64


def levels() -> Levels:
    names = ("public", "internal", "personal", "special")
    scheme = tuple(Level(level=number, name=name, meaning=name) for number, name in enumerate(names))
    return Levels(schema_="govtool.levels/v1", unknown_level=3, levels=scheme)


def metric(value: float = 0.6, *, name: str = "mia.balanced_accuracy", min_n: int = 10, days: int = 90, **more: Any):
    base = {"type": "metric", "metric": name, "op": "<", "value": value, "confidence": 0.95, "min_n": min_n}
    return MetricCheck(**{**base, "max_age": f"{days}d", **more})


def rule(check: Any, name: str = "R-1", severity: str = "block", when: When | None = None) -> Rule:
    return Rule(
        id=name, title=name, severity=severity, when=when or When(), check=check, why="because", cite=("Art. 1",)
    )


def policy(*rules: Rule, mode: str = "enforce", effective_from: date = date(2026, 1, 1), name: str = "p") -> Policy:
    return Policy(
        schema_="govtool.policy/v1",
        id=name,
        version="1",
        owner="dpo",
        effective_from=effective_from,
        mode=mode,
        rules=rules,
    )


def policies(*items: Policy | Rule, mode: str = "enforce") -> PolicySet:
    whole = tuple(item for item in items if isinstance(item, Policy))
    loose = tuple(item for item in items if isinstance(item, Rule))
    return PolicySet(levels=levels(), policies=whole or (policy(*loose, mode=mode),))


def counts(tpr: float, fpr: float, members: int = 1000, nonmembers: int | None = None) -> Counts:
    other = members if nonmembers is None else nonmembers
    return Counts(round(tpr * members), members, round(fpr * other), other)


def attack(name: str = "loss_threshold", found: Counts | None = None, *, age: float = 1, **more: Any) -> AttackFact:
    base: dict[str, Any] = {
        "id": f"atk-{name}",
        "attack": name,
        "family": "membership_inference",
        "status": "completed",
        "recorded_at": NOW - timedelta(days=age),
        "access": (Access.PROBABILITIES,),
        "audited_access": (Access.PROBABILITIES,),
        "baselines": {"balanced_accuracy": 0.5, "auc": 0.5},
        "counts": found,
        "control": "passed",
        "members": (RowsFact(ref="visits@1", rows=1000),),
        "nonmembers": (RowsFact(ref="held-out@1", rows=1000),),
        "artifact_sha256": WEIGHTS,
    }
    return AttackFact(**{**base, **more})


def inversion(hits: int, classes: int = 40, *, method: str = "Clopper-Pearson", **more: Any) -> AttackFact:
    from govtool.estimate import clopper_pearson

    exact = clopper_pearson(hits, classes)
    estimate = Estimate(exact.value, exact.low, exact.high, 0.95, classes, method)
    base = {"family": "model_inversion", "metrics": {"identification_rate": estimate}, "access": (Access.WEIGHTS,)}
    return attack("mi_face", **{**base, "baselines": {"identification_rate": 1 / classes}, **more})


def dataset(**more: Any) -> DatasetFact:
    base = {
        "id": "dsv-1",
        "ref": "visits@1",
        "level": 2,
        "class_unit": "group",
        "owner": "me",
        "lawful_basis": "6(1)(e)",
    }
    base |= {"trained_on": True, "rows": 1000}
    return DatasetFact(**{**base, "subject_column": "patient", **more})


def deployment(*exposes: str, audience: str = "internal", name: str = "api", environment: str = "production"):
    return DeploymentFact(
        id=f"dep-{name}",
        name=name,
        environment=environment,
        audience=audience,
        exposes=tuple(Access(word) for word in exposes or ("probabilities",)),
    )


def facts(*attacks: AttackFact, **more: Any) -> Facts:
    base: dict[str, Any] = {
        "judged_at": NOW,
        "model": ModelFact(
            name="triage", version="1", id="mv-1", artifact_sha256=WEIGHTS, owner="cardiology", purpose="triage"
        ),
        "level": 2,
        "level_reason": "trained on visits@1",
        "datasets": (dataset(),),
        "deployments": (deployment(),),
        "attacks": attacks,
    }
    return Facts(**{**base, **more})
