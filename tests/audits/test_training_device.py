"""Where references train. Without CUDA, what is said about it; with CUDA, that the figures are nearly those of a CPU."""

from typing import Any

import numpy as np
import pytest
import torch
from audit_worlds import RECIPE, RECIPE_YAML, K, draw
from test_audit_runner import rows

from govtool.audits import ensemble
from govtool.audits.models import AuditRun
from govtool.audits.recipe import Recipe
from govtool.audits.training import device
from govtool.errors import WorkError


def test_auto_is_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for found, name in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=found: found)
        assert device.resolve("auto") == name
        assert device.resolve("cpu") == "cpu"


def test_a_device_that_is_not_there_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(WorkError, match="no CUDA device") as caught:
        device.resolve("cuda")
    assert "device: auto" in caught.value.hint


def test_a_run_records_where_it_trained_and_refuses_what_is_not_there(
    registered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    spec = "attacks: [rmia]\nreferences: 2\npositive_control: false\n" + RECIPE_YAML
    with pytest.raises(WorkError, match="no CUDA device"):
        registered.audit("leaky@1", "device: cuda\n" + spec)
    assert not rows(registered, AuditRun)
    registered.audit("leaky@1", spec)
    (run,) = rows(registered, AuditRun)
    assert (run.resolved["device"], run.resolved["precision"]) == ("cpu", "float32")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here: nothing of this was run")
@pytest.mark.parametrize("factory", ["softmax", "mlp", "cnn"])
def test_on_cuda_references_say_nearly_what_they_say_on_a_cpu(factory: str) -> None:
    features, labels = draw("members")
    features = np.concatenate([features, features[:, :4]], axis=1)  # 16 of them: a square, for convolutions
    params = {"hidden": [32], "dropout": 0.1} if factory == "mlp" else {}
    own = Recipe(factory=factory, factory_params=params, epochs=20, learning_rate=RECIPE.learning_rate)
    halves = [np.arange(60), np.arange(60, 120)]

    def answers(where: str) -> Any:
        found = dict(ensemble.train_and_ask(own, features, labels, halves, [1, 2], K, features, device=where))
        return np.stack([found[0], found[1]])

    on_cuda, on_cpu = answers("cuda"), answers("cpu")
    assert (on_cuda.argmax(axis=2) == on_cpu.argmax(axis=2)).mean() > 0.9
