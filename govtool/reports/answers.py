"""The questions that an attack answers, each with its answer, the figures that decided, and what a leak would mean in law.

Showing a class and showing somebody's record are two findings with two weights, and stand apart wherever they are printed.
"""

from dataclasses import dataclass

from govtool.audits.models import AttackRecord
from govtool.reports import format as f
from govtool.reports.view import Badge

CLASS, RECORD = "class_recoverable", "record_memorised"
QUESTIONS = {
    CLASS: "Can a class be recognised by what is drawn from the model?",
    RECORD: "Does what is drawn from the model show records it was trained on, and not their class alone?",
    "record_reconstructed_from_update": "Can a record be reconstructed from what a client sends in training?",
    "attribute_inferable": "Can the attribute be inferred of people in the training data?",
    "text_identifiable": "Can it be said which of many candidate texts a stored vector stands for?",
    "text_recoverable": "Can texts, names or numbers be read back from stored vectors?",
    "record_remembered": "Does the model remember the records of people in its training data?",
    "answer_describes_record": "Does the model's answer about a person give their record away, whoever they are?",
}
"""Of `govtool.attacks.finding`, as a reader meets them; others read by their own name."""

ANSWERS = {
    "FAIL": Badge("leak shown", "fail"),
    "PASS": Badge("no leak shown", "pass"),
    "INCONCLUSIVE": Badge("undecided", "unknown"),
}
_NOTHING_ELSE = "Nothing is said about other attacks or other access."
_LEADS = {
    (CLASS, "FAIL"): "Classes can be recognised in what is drawn from the model.",
    (CLASS, "PASS"): f"Classes were not recognised, by a test that finds them where they were planted. {_NOTHING_ELSE}",
    (CLASS, "INCONCLUSIVE"): "Whether classes can be recognised was not decided.",
    (
        RECORD,
        "FAIL",
    ): "What is drawn from models of this recipe shows records they were trained on, beyond their class.",
    (
        RECORD,
        "PASS",
    ): f"No record was shown beyond its class, by a test that finds one where it was planted. {_NOTHING_ELSE}",
    (RECORD, "INCONCLUSIVE"): "Whether records are shown beyond their class was not decided.",
    ("record_reconstructed_from_update", "FAIL"): "Updates that clients send give records away.",
    ("record_reconstructed_from_update", "PASS"): f"No update gave a record away. {_NOTHING_ELSE}",
    ("record_reconstructed_from_update", "INCONCLUSIVE"): "Whether updates give records away was not decided.",
}
_BETTER_THAN_CHANCE = "More classes were named than by chance, but whether classes can be recognised was not decided."
_APART = {
    CLASS: "It says nothing of single records: that is another question, of another weight in law, and this attack does not ask it.",
    RECORD: "It says nothing of whether a class can be recognised: that is another question, of another weight in law.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of one attack."""

    question: str
    verdict: str
    """PASS, FAIL or INCONCLUSIVE, by the usual limits of the question."""
    badge: Badge
    reason: str
    weight: str
    """What a leak of this kind would mean in law; empty where nothing was recorded."""
    apart: str
    """What it must not be taken for."""


def answers(record: AttackRecord, class_unit: str = "") -> tuple[Answer, ...]:
    """`class_unit`: what one class of the training data is by the register, in words; empty: not known here."""
    return tuple(
        Answer(
            question=QUESTIONS.get(name := str(one["question"]), f.tidy(name.replace("_", " ").capitalize(), 80)),
            verdict=(verdict := f.tidy(str(one["verdict"]), 20)),
            badge=ANSWERS.get(verdict, Badge(verdict, "unknown")),
            reason=f.tidy(str(one["reason"]), 400),
            weight=_weight(name, str(one.get("legal_weight") or ""), class_unit),
            apart=_APART.get(name, ""),
        )
        for one in record.detail.get("findings") or ()
    )


def lead(record: AttackRecord, beats_chance: bool) -> tuple[str, bool] | None:
    """The answer in a sentence or two, and whether it is a leak; None where no question was answered by one that has words.

    An interval wholly above chance is a leak of something, also where too little for the question's own limit.
    """
    for one in record.detail.get("findings") or ():
        verdict = str(one["verdict"])
        if (head := _LEADS.get((str(one["question"]), verdict))) is None:
            continue
        more = one["question"] == CLASS and verdict == "INCONCLUSIVE" and beats_chance
        access = f.access(record.access, "not recorded")
        said = f"{_BETTER_THAN_CHANCE if more else head} {f.tidy(str(one['reason']))} Access used: {access}."
        return said, verdict == "FAIL" or more
    return None


def _weight(question: str, weight: str, class_unit: str) -> str:
    if not weight:
        return ""
    unit = f" By the register, one class here is: {class_unit}." if class_unit and question == CLASS else ""
    return f"{f.tidy(weight)}{unit}"
