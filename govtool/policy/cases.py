"""Tests of the policy itself, written by its owner: these facts must lead to this outcome."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from govtool import yamlfile
from govtool.errors import InputError
from govtool.policy.document import HINT, PolicySet, Strict
from govtool.policy.facts import Facts
from govtool.policy.gate import evaluate


class Expectation(Strict):
    outcome: Literal["GO", "GO-WITH-CONDITIONS", "UNDECIDED", "NO-GO"]
    rules: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults
    """Rule id to verdict, for the rules the case is about; `not applied` for a rule that must not apply."""


class Case(Strict):
    """What is not said in `facts` is unknown or not recorded."""

    schema_: Annotated[Literal["govtool.policy-test/v1"], Field(alias="schema")]
    title: str
    facts: Annotated[Facts, Field(strict=False)]
    expect: Expectation


@dataclass(frozen=True)
class CaseResult:
    file: str
    title: str
    outcome: str
    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.differences


def run(folder: Path, policy_set: PolicySet) -> list[CaseResult]:
    """Judge every case in `folder` (usually policies/tests).

    Raises:
        InputError: there is none, or one is not understood.
    """
    paths = sorted(path for path in folder.glob("*.yaml")) if folder.is_dir() else []
    if not paths:
        raise InputError(f"{folder} holds no policy tests", hint="see policies/README.md for how to write one")
    return [_run(path, policy_set) for path in paths]


def _run(path: Path, policy_set: PolicySet) -> CaseResult:
    source = yamlfile.read(path, start="start with: schema: govtool.policy-test/v1")
    case = source.validate(Case, HINT)
    for number in case.expect.rules:
        policy_set.find(number)  # an expectation about a rule that is gone is no expectation
    evaluation = evaluate(policy_set, case.facts, case.facts.judged_at)
    found = {result.id: str(result.verdict) for result in evaluation.rules}
    differences = (
        []
        if evaluation.outcome == case.expect.outcome
        else [f"outcome {evaluation.outcome}, not {case.expect.outcome}"]
    )
    differences += [
        f"{rule} {found.get(rule, 'not applied')}, not {wanted}"
        for rule, wanted in case.expect.rules.items()
        if found.get(rule, "not applied") != wanted
    ]
    return CaseResult(path.name, case.title, str(evaluation.outcome), tuple(differences))
