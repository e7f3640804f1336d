"""Training code of somebody's own: what it may return, what is said when it fails, and who must vouch for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_worlds import K, draw
from test_audit_runner import rows

from govtool.audits import ensemble
from govtool.audits.models import AuditRun
from govtool.audits.recipe import Recipe
from govtool.errors import GovtoolError, InputError, UntrustedArtifactError, WorkError

FEATURES, LABELS = draw("members", 60)
OWN = """from pathlib import Path
import numpy as np
SEEDS = []
class Centres:
    def __init__(self, features, labels, classes):
        self.centres = np.stack([features[labels == c].mean(axis=0) for c in range(classes)])
    def __call__(self, features):
        return -((features[:, None] - self.centres) ** 2).sum(axis=2)
class Sure(Centres):
    __call__ = None
    def predict_proba(self, features):
        logits = Centres.__call__(self, features)
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
def logits(features, labels, seed, classes=3):
    Path(__file__).with_name('ran').touch()
    SEEDS.append(seed)
    return Centres(features, labels, classes)
def classifier(features, labels, seed):
    return Sure(features, labels, 3)
def probabilities(features, labels, seed):
    return Sure(features, labels, 3).predict_proba
def module(features, labels, seed):
    from torch import nn
    return nn.Linear(features.shape[1], 3)
def named(features, labels, seed):
    from sklearn.tree import DecisionTreeClassifier
    return DecisionTreeClassifier(random_state=seed).fit(features, labels)
def broken(features, labels, seed):
    raise KeyError("a name from the data")
def nothing(features, labels, seed):
    return None
def flat(features, labels, seed):
    return lambda asked: np.zeros(len(asked))
def unsure(features, labels, seed):
    return lambda asked: np.full((len(asked), 3), np.nan)
def shifty(features, labels, seed):
    return lambda asked: asked["a name from the data"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    where = tmp_path / "trainers"
    where.mkdir()
    (where / "their_training.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(where))
    monkeypatch.delitem(__import__("sys").modules, "their_training", raising=False)
    return where


def answers(function: str, **params: Any) -> list[Any]:
    own = Recipe(function=function, params=params)
    halves = [np.arange(30), np.arange(30, 60)]
    return [found for _which, found in ensemble.train_and_ask(own, FEATURES, LABELS, halves, [1, 2], K, FEATURES)]


@pytest.mark.parametrize("name", ["logits", "classifier", "probabilities", "module", "named"])
def test_whatever_answers_with_classes_is_a_model(name: str) -> None:
    for found in answers(f"their_training:{name}"):
        assert found.shape == (60, K)
        assert np.allclose(np.exp(found).sum(axis=1), 1)


def test_logits_probabilities_and_a_classifier_come_to_the_same() -> None:
    logits, probabilities, classifier = (
        answers(f"their_training:{name}")[0] for name in ("logits", "probabilities", "classifier")
    )
    assert np.allclose(logits, probabilities, atol=1e-5)
    assert np.allclose(classifier, probabilities)


def test_each_model_gets_a_seed_of_its_own_that_fits_a_random_state() -> None:
    answers("their_training:logits")
    seeds = __import__("their_training").SEEDS
    assert len(set(seeds)) == 2
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize(
    ("function", "params", "message"),
    [
        ("their_training:broken", {}, "failed: KeyError"),
        ("their_training:shifty", {}, "failed: IndexError"),
        ("their_training:nothing", {}, "returned NoneType"),
        ("their_training:flat", {}, "finite rows of classes"),
        ("their_training:unsure", {}, "finite rows of classes"),
        ("their_training:logits", {"classes": 2}, r"answers \(60, 2\) for 60 records of 3 classes"),
        ("their_training:logits", {"colour": "red"}, "failed: TypeError"),
        ("their_training:absent", {}, "no function 'absent'"),
        ("their_training:SEEDS", {}, "no function 'SEEDS'"),
        ("their_training:Centres", {}, "is not a function"),
        ("os:system", {}, "is not a function"),
        ("their_training", {}, "names no function"),
    ],
)
def test_what_does_not_train_is_told_without_a_word_from_the_data(function: str, params: Any, message: str) -> None:
    with pytest.raises((InputError, WorkError), match=message) as caught:
        answers(function, **params)
    assert isinstance(caught.value, GovtoolError)
    assert "from the data" not in caught.value.message


RECIPE = "recipe: {function: 'their_training:logits', params: {classes: 3}}\n"
SPEC = "attacks: [rmia]\npopulation: population@1\nreferences: 4\npositive_control: false\n" + RECIPE


def test_a_function_runs_only_for_those_who_name_it(registered: Any, folder: Path) -> None:
    with pytest.raises(UntrustedArtifactError, match="their_training:logits"):
        registered.audit("leaky@1", SPEC)
    with pytest.raises(UntrustedArtifactError):
        registered.audit("leaky@1", SPEC, trust_factory="their_training:logits2")  # letters of a name are no names
    assert not (folder / "ran").exists()
    assert not rows(registered, AuditRun)
    done = registered.audit("leaky@1", SPEC, trust_factory=["other:thing", "their_training:logits"])
    assert (folder / "ran").exists()
    (found,) = [found for found in done.attacks if found.attack == "rmia"]
    assert found.status in ("completed", "void"), found.reason
    (run,) = rows(registered, AuditRun)
    assert run.resolved["recipe"]["function"] == "their_training:logits"
    assert run.resolved["device"] == "cpu"
