"""White-box inversion of face recognisers: who is named from what is drawn, at what cost, beside pictures that take no attack.

    python benchmarks/inversion.py [FOLDER [DRAWINGS]]      (or GOVTOOL_BENCH_DATA=FOLDER)

Needs orl_faces.npz (see `faces`). Targets learn from seven photos of each person, judges from the other three and from no
model. The presets were frozen on models of people 1 to 20 and of people 21 to 40 (`settings`), so both halves are shown as
well as all 40; what was chosen by looking at the one half is measured on people who had no part in it on the other.
Every drawing is the attacker's own choice from one run. DRAWINGS is a folder for pictures to look at: they are personal data.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from faces import PEOPLE, PHOTOS, TARGETS, TRAINED_ON, Faces, Net, autoencoder, denoising, load, target
from table import Row, show

from govtool.attacks.interface import Features, Records
from govtool.attacks.inversion import ascent, judges, montage, settings
from govtool.attacks.inversion.question import Bounds, Question, Reconstructions
from govtool.runtime import rng

HALVES = {"people 1-20": range(20), "people 21-40": range(20, PEOPLE)}
EVERYBODY = {"all 40": range(PEOPLE)}
SEED = 7


@dataclass(frozen=True)
class Panel:
    """Judges of some people, trained on photos that no target learns from."""

    judges: list[judges.Judge]
    trained_on: Records
    shown: Records
    """The targets' own training photos, to see whether the judges know these people at all."""

    @classmethod
    def of(cls, faces: Faces, people: Sequence[int]) -> "Panel":
        learned = faces.records(people, range(TRAINED_ON, PHOTOS))
        found = judges.panel_of(learned.features.astype(np.float64), learned.labels, faces.shape)
        return cls(found, learned, faces.records(people, range(TRAINED_ON)))

    def rows(self, what: str, pictures: Features, labels: Any = None) -> Iterator[Row]:
        """Of one picture per person, in their order: first and first five places, with intervals."""
        units = pictures.astype(np.float64)
        wanted = np.arange(len(units)) if labels is None else labels
        for judge in self.judges:
            rate, five = judge.rate(units, wanted), int((judge.ranks(units, wanted) <= 5).sum())
            note = f"{rate.low:.0%} to {rate.high:.0%}, n = {rate.n}; among the first five {five / len(units):.1%}"
            yield Row(f"{what}: {judge.name}", 100 * rate.value, "% named", note)


def bounds(faces: Faces) -> Bounds:
    pixels = int(np.prod(faces.shape))
    return Bounds(np.zeros(pixels, np.float32), np.ones(pixels, np.float32))


def draw(faces: Faces, module: Any, people: int, **changed: Any) -> tuple[Reconstructions, float]:
    """What the preset draws of each class, and its CPU seconds."""
    how = settings.chosen(module, faces.shape, changed)
    asked = Question(np.arange(people), bounds(faces), faces.shape)
    started = time.process_time()
    found = ascent.reconstruct(module, asked, how, rng(SEED, "inversion"))
    return found, time.process_time() - started


def calibration(what: str, panel: Panel) -> Iterator[Row]:
    """What needs no attack: how well judges know real photos, and what they make of nothing."""
    photos, labels = panel.shown.features, panel.shown.labels
    classes = int(labels.max()) + 1
    means = np.stack([photos[labels == person].mean(axis=0) for person in range(classes)])
    everybody = np.repeat(photos.mean(axis=0, keepdims=True), classes, axis=0)
    yield from panel.rows(f"{what}, every training photo", photos, labels)
    yield from panel.rows(f"{what}, mean of the training photos", means)
    yield from panel.rows(f"{what}, mean of everybody", everybody)
    yield from panel.rows(f"{what}, photo of somebody else", photos[::TRAINED_ON], (np.arange(classes) + 1) % classes)


def taught(faces: Faces, name: str, people: Sequence[int]) -> Net:
    """One of `TARGETS`, or a denoising autoencoder with softmax on its codes."""
    if name == "autoencoder":
        return denoising(autoencoder(faces.shape, len(people)), faces.records(people, range(TRAINED_ON)), 0)
    return target(faces, name, people)


def attacked(
    what: str, faces: Faces, name: str, people: Sequence[int], panel: Panel, folder: str | None
) -> Iterator[Row]:
    net = taught(faces, name, people)
    asked = {"prior": "autoencoder"} if name == "autoencoder" else {}
    found, cpu = draw(faces, net.network, len(people), **asked)
    how = settings.kind(net.network, faces.shape)
    yield Row(f"{what} {name}: CPU", cpu, "s", f"all {len(people)} at once; preset {how}")
    yield Row(f"{what} {name}: confidence of the target", float(found.confidence.mean()), "", "no measure of success")
    yield from panel.rows(f"{what} {name}", found.inputs)
    shifted = (np.arange(len(people)) + 1) % len(people)
    yield from panel.rows(f"{what} {name}, next person's name", found.inputs, shifted)
    if folder:
        own = faces.records(people, range(TRAINED_ON)).features.reshape(len(people), TRAINED_ON, -1).mean(axis=1)
        upper, lower = (pictures.astype(np.float64) for pictures in (found.inputs, own))
        png = montage.draw(upper, lower, np.arange(len(people)), faces.shape, ("drawn", "mean"))
        (Path(folder) / f"{name}-{len(people)}-{people[0]}.png").write_bytes(png)


def full_size(folder: Path) -> Iterator[Row]:
    """112 x 92, the size of the paper: CPU seconds alone."""
    faces = load(folder, pool=1)
    for name in TARGETS:
        net = target(faces, name)
        _, cpu = draw(faces, net.network, PEOPLE)
        yield Row(f"112 x 92 {name}: CPU", cpu, "s", "all 40 at once")


def rows(folder: str | None = None, drawings: str | None = None) -> Iterator[Row]:
    folder = folder or os.environ.get("GOVTOOL_BENCH_DATA")
    if not folder:
        return
    faces = load(Path(folder))
    for what, people in (HALVES | EVERYBODY).items():
        panel = Panel.of(faces, people)
        yield from calibration(what, panel)
        for name in (*TARGETS, "autoencoder"):
            yield from attacked(what, faces, name, people, panel, drawings)
    yield from full_size(Path(folder))


if __name__ == "__main__":
    show(rows(*sys.argv[1:3]))
