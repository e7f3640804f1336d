"""An audit of stored vectors from the command line: recorded, read from files, and no text on the screen or in the vault."""

import json
import stat
from typing import Any

import numpy as np
import pytest
import torch
import typer
from safetensors.torch import save_file
from test_cli_audit import Opened
from typer.testing import CliRunner

from govtool.attacks.embedding.texts import words
from govtool.audits.models import AttackRecord
from govtool.cli import audit
from govtool.errors import InputError, NotFoundError, UntrustedArtifactError, WorkError
from govtool.registry import service

FIRST = ["Anna", "Bela", "Carl", "Dora", "Emil", "Frida", "Georg", "Hanna"]
LAST = ["Adler", "Bauer", "Conrad", "Dorn", "Engel", "Fuchs", "Gruber", "Huber"]
SPEC = """schema: govtool.embeddings/v1
texts: notes.txt
public: {texts: public.txt}
embedder: {factory: "test_audit_embeddings:bag", factory_params: {size: 120, width: 32}, weights: e.safetensors, words: words.txt}
attacks: {nearest_candidate: null, learned_decoder: {steps: 60, defences: false}}
positive_control: false
seed: 3
"""
TABLE = SPEC.replace("public: {texts: public.txt}", "public: {texts: public.txt, vectors: public.npz}")
TABLE = "\n".join(line for line in TABLE.splitlines() if not line.startswith("embedder")) + "\n"
TRUST = ("--trust-factory", "test_audit_embeddings:bag")


class Bag(torch.nn.Module):
    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.words = torch.nn.EmbeddingBag(size, width, padding_idx=0)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.words(codes))


def bag(size: int, width: int) -> torch.nn.Module:
    return Bag(size, width)


def lines(n: int, rng: np.random.Generator) -> list[str]:
    return [f"Patient {rng.choice(FIRST)} {rng.choice(LAST)} is {rng.integers(20, 60)} years old." for _ in range(n)]


@pytest.fixture
def world(ws: Any) -> Any:
    """notes@1: vectors of thirty sentences by a bag of words."""
    rng = np.random.default_rng(0)
    secret, public = lines(30, rng), lines(300, rng)
    known = ["", *sorted({word for text in [*secret, *public] for word in words(text)})]
    numbers = {word: code for code, word in enumerate(known)}
    torch.manual_seed(0)
    net = bag(120, 32)

    def embed(texts: list[str]) -> np.ndarray:
        with torch.no_grad():
            return np.concatenate(
                [net(torch.tensor([[numbers[word] for word in words(text)]])).numpy() for text in texts]
            )

    folder = ws.folder
    for name, text in (("notes", secret), ("public", public), ("words", known)):
        (folder / f"{name}.txt").write_text("\n".join(text) + "\n")
    save_file(net.state_dict(), folder / "e.safetensors")
    np.savez(folder / "public.npz", X=embed(public))
    np.savez(folder / "notes.npz", X=embed(secret))
    with ws.write() as session:
        service.add_dataset_version(session, "notes", "1", folder / "notes.npz", level=2, now=ws.now, by="tester")
    return ws


@pytest.fixture
def invoke(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    from govtool.cli import context

    monkeypatch.setattr(context, "open_workspace", lambda: Opened(world))

    def call(*given: str, spec: str = SPEC, ref: str = "notes@1") -> Any:
        path = world.folder / "embeddings.yaml"
        path.write_text(spec)
        result = CliRunner().invoke(audit.app, ["embeddings", ref, "--spec", str(path), *given])
        if result.exception and not isinstance(result.exception, SystemExit | typer.Exit):
            raise result.exception
        return result

    return call


def test_names_are_read_back_counted_and_not_shown(invoke: Any, world: Any) -> None:
    out = world.folder / "recovered.txt"
    told = invoke(*TRUST, "--json", "--out", str(out))
    data = json.loads(told.stdout[told.stdout.index("{") :])["data"]
    figures = {item["attack"]: item["metrics"] for item in data["attacks"]}
    assert figures["learned_decoder"]["field_gain"]["low"] > 0.5
    assert figures["nearest_candidate"]["identification_rate"]["low"] > 0.8
    read = out.read_text()
    assert len(read.splitlines()) == 30
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    shown = CliRunner().invoke(audit.app, ["show", data["run_id"]]).stdout
    assert "FAIL: Can texts, names or numbers be read back from stored vectors?" in shown
    assert "30 stored vectors, 300 lines of public text" in shown
    with world.read() as session:
        kept = [world.vault.read(row.evidence_sha256) for row in session.query(AttackRecord)]
        details = json.dumps([row.detail for row in session.query(AttackRecord)])
    everything = [told.stdout.encode(), shown.encode(), details.encode(), *kept]
    assert not any(name.lower().encode() in text.lower() for name in LAST for text in everything)


def test_a_table_of_vectors_needs_no_embedder(invoke: Any) -> None:
    told = invoke("--json", spec=TABLE)
    status = {
        item["attack"]: item["status"] for item in json.loads(told.stdout[told.stdout.index("{") :])["data"]["attacks"]
    }
    assert status == {"nearest_candidate": "not_applicable", "learned_decoder": "completed"}


def test_what_does_not_fit_is_refused(invoke: Any, world: Any) -> None:
    (world.folder / "short.txt").write_text("one line\n")
    (world.folder / "hole.txt").write_text("one\n\nthree\n")
    (world.folder / "latin.txt").write_bytes(b"one\ncaf\xe9\n")
    (world.folder / "not.npz").write_text("no archive")
    refused: list[tuple[str, str, tuple[str, ...], Any, str]] = [
        ("nobody@1", SPEC, TRUST, NotFoundError, "no dataset version"),
        ("notes@1", SPEC, (), UntrustedArtifactError, "code outside this tool"),
        ("notes@1", SPEC.replace("notes.txt", "absent.txt"), TRUST, InputError, "absent.txt"),
        ("notes@1", SPEC.replace("notes.txt", "short.txt"), TRUST, InputError, "for 1 texts"),
        ("notes@1", SPEC.replace("notes.txt", "hole.txt"), TRUST, InputError, "line 2 holds no word"),
        ("notes@1", SPEC.replace("notes.txt", "latin.txt"), TRUST, InputError, "line 2 is not UTF-8"),
        ("notes@1", SPEC.replace("width: 32", "width: 31"), TRUST, WorkError, "do not fit the architecture"),
        ("notes@1", SPEC.replace("e.safetensors", "notes.txt"), TRUST, WorkError, "not a whole safetensors"),
        ("notes@1", TABLE.replace("public.npz", "not.npz"), (), InputError, "no .npz with an array X"),
        ("notes@1", TABLE.replace(", vectors: public.npz", ""), (), InputError, "either an 'embedder'"),
        ("notes@1", SPEC.replace("steps: 60", "depth: 60"), TRUST, InputError, "no parameter 'depth'"),
    ]
    for ref, spec, given, error, message in refused:
        with pytest.raises(error, match=message):
            invoke(*given, spec=spec, ref=ref)
    with pytest.raises(InputError, match="for 1 texts"):
        invoke(*TRUST, "--out", str(world.folder / "new.txt"), spec=SPEC.replace("notes.txt", "short.txt"))
    assert not (world.folder / "new.txt").exists()
    (world.folder / "there.txt").write_text("mine")
    with pytest.raises(InputError, match="cannot be written"):
        invoke(*TRUST, "--out", str(world.folder / "there.txt"))
