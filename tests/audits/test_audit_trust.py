"""A spec and a registration are files: what they name is not run because they name it."""

from pathlib import Path
from typing import Any

import pytest
from audit_worlds import RECIPE_YAML, D, K
from test_audit_runner import QUICK, rows

from govtool.audits import factories
from govtool.audits.models import AuditRun
from govtool.errors import InputError, UntrustedArtifactError

OWN = f"""from pathlib import Path
from torch import nn
def wide(width):
    Path(__file__).with_name('ran').touch()
    return nn.Sequential(nn.Linear({D}, width), nn.ReLU(), nn.Linear(width, {K}))
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path with a factory that leaves a trace when it is called."""
    folder = tmp_path / "nets"
    folder.mkdir()
    (folder / "their_nets.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_a_spec_that_names_a_command_runs_nothing(registered: Any, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    recipe = f"recipe: {{factory: 'os:system', factory_params: {{command: 'touch {trace}'}}}}\n"
    spec = "attacks: [rmia]\nreferences: 2\npositive_control: false\n" + recipe
    with pytest.raises(UntrustedArtifactError, match="os:system") as caught:
        registered.audit("leaky@1", spec)
    assert "--trust-factory os:system" in caught.value.hint
    with pytest.raises(UntrustedArtifactError):
        registered.audit("leaky@1", spec, trust_factory=["os:getcwd"])
    assert not trace.exists()
    assert not rows(registered, AuditRun)


def test_what_c_implements_is_no_factory_even_when_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a function nor a class of torch modules"):
        factories.build("os:system", {"command": f"touch {tmp_path / 'trace'}"})
    assert not (tmp_path / "trace").exists()


def test_a_registered_factory_of_ones_own_is_built_only_for_those_who_name_it(registered: Any, nets: Path) -> None:
    path = registered.folder / "leaky.safetensors"
    registered.model("own@1", artifact=path, factory="their_nets:wide", factory_params={"width": 32})
    spec = QUICK + "members: members@1\nnonmembers: nonmembers@1\n"
    with pytest.raises(UntrustedArtifactError, match="their_nets:wide"):
        registered.audit("own@1", spec)
    assert not (nets / "ran").exists()
    done = registered.audit("own@1", spec, trust_factory=["their_nets:wide"])
    assert (nets / "ran").exists()
    assert done.attacks[0].status == "completed", done.attacks[0].reason


def test_our_own_factories_need_no_word(registered: Any) -> None:
    done = registered.audit("leaky@1", QUICK + RECIPE_YAML)
    assert done.attacks[0].status == "completed"
