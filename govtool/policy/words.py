"""The sentences about measured figures, for someone who signs for them. No judgement here: the verdict is given."""

import math
from collections.abc import Collection
from dataclasses import dataclass

from govtool.access import Access


@dataclass(frozen=True)
class Metric:
    """A figure a policy can limit, and how to say it: `{setting}, {who} {does} about 78 of 100 {unit}`."""

    family: str
    key: str
    """Its name in an attack record's metrics."""
    baseline: float
    """What guessing scores, where the record does not say."""
    question: str
    setting: str
    does: str
    does_not: str
    unit: str
    counted: str
    """What n counts."""
    attacks: frozenset[str] = frozenset()
    """The attacks of the family that measure it and nothing else of the family; empty: all that measure nothing else."""

    def measured_by(self, attack: str) -> bool:
        """Whether an attack of the family is about this question: one about another of its questions decides nothing here."""
        if self.attacks:
            return attack in self.attacks
        return not any(attack in other.attacks for other in METRICS.values() if other.family == self.family)


METRICS: dict[str, Metric] = {
    "mia.balanced_accuracy": Metric(
        family="membership_inference",
        key="balanced_accuracy",
        baseline=0.5,
        question="whether an outsider can tell who was in the training data",
        setting="Of an equal mix of people who were and were not in the training data",
        does="sorts",
        does_not="could not sort",
        unit="correctly",
        counted="records",
    ),
    "mia.auc": Metric(
        family="membership_inference",
        key="auc",
        baseline=0.5,
        question="whether an outsider can tell who was in the training data",
        setting="Shown pairs of one person who was in the training data and one who was not",
        does="picks the right one in",
        does_not="could not pick the right one in",
        unit="pairs",
        counted="records",
    ),
    "mia.tpr_at_fpr_0.01": Metric(
        family="membership_inference",
        key="tpr_at_fpr_0.01",
        baseline=0.01,
        question="whether an outsider can be nearly sure of some people in the training data",
        setting="While wrongly naming only 1 in 100 of the people who were not in the training data",
        does="recognises",
        does_not="could not recognise",
        unit="people who were",
        counted="records",
    ),
    "attribute.excess": Metric(
        family="attribute_inference",
        key="excess",
        baseline=0.0,
        question="whether the model gives away a sensitive attribute of the people in its training data",
        setting="Knowing all else about a person",
        does="rightly infers the sensitive attribute of",
        does_not="could not infer the sensitive attribute of",
        unit="people in the training data beyond what can be inferred without the model or about outsiders",
        counted="records",
    ),
    "attribute.precision_at_decision_gap": Metric(
        family="attribute_inference",
        key="precision_at_decision_gap",
        baseline=0.0,
        question="whether the model is right about a sensitive attribute of people in its training data more often than of others",
        setting="Looking only at people about whom the model itself decides between the possible values",
        does="rightly infers the sensitive attribute of",
        does_not="could not infer the sensitive attribute of",
        unit="people in the training data beyond as many of 100 outsiders",
        counted="decisions",
    ),
    "reconstruction.excess": Metric(
        family="data_reconstruction",
        key="excess",
        baseline=0.0,
        question="whether records of people in the training data can be put together from the model",
        setting="Knowing the label and part of a record",
        does="rightly fills in",
        does_not="could not fill in",
        unit="missing values of people in the training data beyond what can be inferred without the model or about outsiders",
        counted="records",
    ),
    "inversion.identification_rate": Metric(
        family="model_inversion",
        key="identification_rate",
        baseline=0.0,
        question="whether an attacker can reconstruct recognisable examples of a class from the model",
        setting="Working from the model, without the training data",
        does="reconstructs a recognisable example for",
        does_not="could not reconstruct a recognisable example for",
        unit="classes that the model tells apart",
        counted="classes",
    ),
    "inversion.swap_advantage": Metric(
        family="model_inversion",
        key="swap_advantage",
        baseline=0.0,
        question="whether what is drawn from the model shows records that it was trained on, and not their class alone",
        setting="Had such a model been trained on other records of the same classes",
        does="would lose",
        does_not="would lose no",
        unit="points of likeness to these records",
        counted="classes",
        attacks=frozenset({"inversion_split_swap"}),
    ),
    "inversion.nearest_is_training": Metric(
        family="model_inversion",
        key="nearest_is_training",
        baseline=0.5,
        question="whether what is drawn from the model shows records that it was trained on, and not their class alone",
        setting="Comparing drawings with records that such a model was trained on and with as many others of the same class",
        does="draws what is most like one trained on in",
        does_not="could not draw what is most like one trained on in",
        unit="cases",
        counted="independent drawings",
        attacks=frozenset({"inversion_split_swap"}),
    ),
    "reconstruction.updates_exposed": Metric(
        family="data_reconstruction",
        key="updates_exposed",
        baseline=0.0,
        question="whether updates that clients share in training give their records away",
        setting="Of updates that clients send in federated learning",
        does="reconstructs a record from",
        does_not="could not reconstruct a record from",
        unit="updates",
        counted="updates",
        attacks=frozenset({"gradient_inversion", "gradient_inversion_untrained"}),
    ),
    "property.accuracy": Metric(
        family="property_inference",
        key="world_accuracy",
        baseline=0.5,
        question="whether an outsider can learn the make-up of the whole training set (a group-level risk, no data of one person)",
        setting="Shown models that differ only in how common a property is among all their training records (a group-level risk, "
        "no data of one person)",
        does="says which is which for",
        does_not="could not say which is which for",
        unit="models",
        counted="test models",
    ),
}


def attacker(access: Collection[Access]) -> str:
    """Who carries the attack out, by what it used."""
    if {Access.WEIGHTS, Access.GRADIENTS} & set(access):
        return "an attacker who holds the model itself"
    return "an outsider who sees this model's answers"


def hundred(value: float) -> str:
    """A share as a number of 100: whole from 10 up, one decimal below."""
    scaled = value * 100
    return f"{scaled:.0f}" if scaled >= 10 else f"{scaled:.1f}".removesuffix(".0")  # noqa: PLR2004


def bound(value: float, limit: float, *, up: bool) -> str:
    """A bound of 100, rounded outward, with as many decimals as it takes not to land on the other side of the limit."""
    for digits in range(6):
        scale = 10**digits
        # 12 digits first, so that 0.55 * 100 = 55.00000000000001 is not rounded up to 56
        scaled = round(value * 100 * scale, 12 - digits)
        rounded = (math.ceil(scaled) if up else math.floor(scaled)) / scale
        if (rounded < limit * 100) == (value < limit):
            return f"{rounded:g}"
    return f"{value * 100:.9g}"


def percent(value: float) -> str:
    return f"{value * 100:.6g} %"


def reference(guess: float, limit: float) -> str:
    return f"guessing gives {hundred(guess)}; the policy's limit is {limit * 100:.6g}"


def above(metric: Metric, who: str, value: float, low: float, guess: float, limit: float, confidence: float) -> str:
    sure = f"{percent(confidence)} sure of at least {bound(low, limit, up=False)}"
    return f"{metric.setting}, {who} {metric.does} about {hundred(value)} of 100 {metric.unit} ({sure}; {reference(guess, limit)})."


def below(
    metric: Metric, who: str, high: float, n: int, attacks: int, guess: float, limit: float, confidence: float
) -> str:
    tried = f"{attacks} attack{'' if attacks == 1 else 's'} on {n:,} {metric.counted}"
    return (
        f"{metric.setting}, {who} {metric.does_not} more than {bound(max(high, 0.0), limit, up=True)} of 100 {metric.unit} "
        f"with {tried} ({percent(confidence)} sure; {reference(guess, limit)})."
    )


def every_run(attacks: int, results: int) -> str:
    """That repeating an attack until it comes out well does not help; '' where each was run once."""
    if results <= attacks:
        return ""
    return (
        f"All {results} completed runs of {'this attack' if attacks == 1 else f'these {attacks} attacks'} on these weights "
        "count, each at the doubt of one among them."
    )


def worlds(name: str, low: float, high: float) -> str:
    """What property inference was to tell apart: a limit kept on worlds far apart says more than on worlds close together."""
    return (
        f"The models were trained on records of which {percent(low)} or {percent(high)} have the property that {name}."
    )


def part(members: int, trained: int) -> str:
    """That the members were not all of the training data; '' when they were."""
    return f"The members were {members:,} of the {trained:,} training records." if members < trained else ""


def between(metric: Metric, who: str, low: float, high: float, n: int, limit: float, outlook: str) -> str:
    return (
        f"{metric.setting}, {who} {metric.does} between {bound(max(low, 0.0), limit, up=False)} and {bound(high, limit, up=True)} of 100 "
        f"{metric.unit}, as far as the {n:,} {metric.counted} tested can tell, and the policy's limit is "
        f"{limit * 100:.6g}; {outlook}."
    )


def outlook(needed: int | None) -> str:
    """What more records would do. Two significant digits, rounded up: it is a forecast."""
    if needed is None:
        return "the rate lies so close to the limit that no reasonable number of records would settle it"
    scale = 10 ** max(len(str(needed)) - 2, 0)
    return f"about {math.ceil(needed / scale) * scale:,} records would settle it if the observed rate holds"
