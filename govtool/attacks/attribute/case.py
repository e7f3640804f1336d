"""One sensitive attribute, ready to be attacked: what is known without the target, and what the target answers.

The target is asked about every record once for each candidate value, nothing else. The auxiliary records are the
population of the audit: their attribute is known to the attacker, and nobody trained on them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from govtool.attacks import persons, signals
from govtool.attacks.attribute import encoding, learner
from govtool.attacks.attribute.encoding import Encoding
from govtool.attacks.interface import AttackData, Features, FloatArray, Labels, Mask, Records, Sensitive, Target
from govtool.errors import InputError

FEWEST_AUXILIARY = 100
MOST_AUXILIARY = 20_000
"""More auxiliary records cost time and hardly improve the imputation; a random sample of so many is used."""
_FLOOR = -30.0
"""Log probabilities below this are all the same to a learner."""


@dataclass(frozen=True)
class Answers:
    """What the target says of records for each candidate value; all arrays are (n, values)."""

    labels: Labels
    own: FloatArray | None = None
    """Log probability of the record's known label; None where only labels were asked for."""
    top: FloatArray | None = None
    """Log probability of the label that the target prefers."""

    def inputs(self, known: Labels) -> FloatArray:
        """(n, columns) for a learner: per candidate whether the known label was hit, and how surely."""
        hits = self.labels == known[:, None]
        if self.own is None or self.top is None:
            return np.asarray(hits, dtype=np.float64)
        return np.asarray(
            np.hstack([hits, np.maximum(self.own, _FLOOR), np.maximum(self.top, _FLOOR)]), dtype=np.float64
        )


@dataclass(frozen=True)
class Case:
    """Audited records are members, then non-members."""

    encoding: Encoding
    audited: Records
    truth: Labels
    """(n,) codes of the audited records; -1 is a value that no attacker could know of."""
    auxiliary: Records
    known: Labels
    """(m,) codes of the auxiliary records."""
    answers: Answers
    auxiliary_answers: Answers
    imputed: FloatArray
    """(n, values) probabilities without the target."""
    members: int
    """How many of the audited records, the first ones, are members."""
    people: Labels
    """(members,) the number of the person behind each member's record."""

    @property
    def prior(self) -> FloatArray:
        """(values,) shares among auxiliary records."""
        counts = np.bincount(self.known, minlength=self.encoding.values)
        return np.asarray(counts / counts.sum(), dtype=np.float64)

    def best(self, scores: FloatArray) -> Labels:
        """(n,) the candidate with the highest of the (n, values) scores; among equals, the commonest."""
        order = np.argsort(-self.prior, kind="stable")
        return np.asarray(order[scores[:, order].argmax(axis=1)], dtype=np.int64)

    def inputs(self, records: Records) -> FloatArray:
        """(n, columns): all that is known of records without the target, label included."""
        classes = np.unique(self.auxiliary.labels)
        return known_inputs(self.encoding, records, classes)


def known_inputs(coding: Encoding, records: Records, classes: Labels) -> FloatArray:
    return np.asarray(
        np.hstack([coding.others(records.features).astype(np.float64), records.labels[:, None] == classes]),
        dtype=np.float64,
    )


def prepare(target: Target, data: AttackData, sensitive: Sensitive, auxiliary: Records, *, soft: bool) -> Case:
    """Learn the imputation and ask the target. `soft` says whether probabilities may be asked for.

    Raises:
        InputError: the attribute's columns are not there, or records hold values that the spec does not list.
    """
    coding = encoding.learn(sensitive, auxiliary.features, data.columns)
    audited = Records(data.features, data.labels)
    truth, codes = coding.codes(audited.features), coding.codes(auxiliary.features)
    if sensitive.values is not None and (strange := int((truth < 0).sum() + (codes < 0).sum())):
        raise InputError(
            f"sensitive attribute {sensitive.name!r}: {strange} records hold a value that the spec does not list",
            hint="list them all as they stand in the data, or leave 'values' out",
        )
    auxiliary, codes = _chosen(auxiliary, codes >= 0), codes[codes >= 0]
    inputs = known_inputs(coding, auxiliary, np.unique(auxiliary.labels))
    imputation = learner.fit(inputs, codes, coding.values)
    return Case(
        coding,
        audited,
        truth,
        auxiliary,
        codes,
        ask(target, coding, audited, soft=soft),
        ask(target, coding, auxiliary, soft=soft),
        imputation(known_inputs(coding, audited, np.unique(auxiliary.labels))),
        len(data.members),
        _people(data.members),
    )


def _people(records: Records) -> Labels:
    if records.subjects is None:
        return np.arange(len(records))
    return persons.numbered(records.subjects)


def ask(target: Target, coding: Encoding, records: Records, *, soft: bool) -> Answers:
    """Ask about each record with each candidate value."""
    shape = (len(records), coding.values)
    labels = np.zeros(shape, dtype=np.int64)
    own, top = np.zeros(shape), np.zeros(shape)
    for code in range(coding.values):
        features = coding.with_value(records.features, code)
        if not soft:
            labels[:, code] = target.labels(features)
            continue
        found = target.log_probabilities(features)
        labels[:, code], top[:, code] = found.argmax(axis=1), found.max(axis=1)
        own[:, code] = signals.label_log_probability(found, records.labels)
    return Answers(labels, own, top) if soft else Answers(labels)


def with_target(case: Case) -> FloatArray:
    """(n, values) probabilities by imputation with the target's answers as further inputs, learnt on auxiliary records."""
    inputs = np.hstack([case.inputs(case.auxiliary), case.auxiliary_answers.inputs(case.auxiliary.labels)])
    predict = learner.fit(inputs, case.known, case.encoding.values)
    return predict(np.hstack([case.inputs(case.audited), case.answers.inputs(case.audited.labels)]))


def auxiliary_records(data: AttackData, rng: np.random.Generator) -> tuple[Records, int]:
    """The population without records that are also audited, a sample of them where there are very many; and how many
    were left out because they are audited too.
    """
    assert data.population is not None
    population = data.population
    seen: Mask = np.isin(_rows(population.features), _rows(data.features))
    kept = np.flatnonzero(~seen)
    if len(kept) > MOST_AUXILIARY:
        kept = np.sort(rng.choice(kept, MOST_AUXILIARY, replace=False))
    return _chosen(population, kept), int(seen.sum())


def _chosen(records: Records, rows: Mask | Labels) -> Records:
    return Records(records.features[rows], records.labels[rows])


def _rows(features: Features) -> NDArray[np.void]:
    """Each row as one opaque value that compares by its bytes (0.0 and -0.0 made the same)."""
    plain = np.ascontiguousarray(features + np.float32(0), dtype="<f4")
    return plain.view(np.dtype((np.void, plain.shape[1] * 4))).ravel()
