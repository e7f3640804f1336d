"""Do several models of the same people show more together than the leakiest of them alone? On the ORL faces.

    python benchmarks/inversion_ensemble.py FOLDER [NAME ...]      (or GOVTOOL_BENCH_DATA=FOLDER)

Thirty people are attacked; the other ten are public, for the prior. Judges learn each person's last three photos, models
some of the first seven. What is shown is the share of people named by at least half of the judges heard, together and by
each model alone with as many steps; and the difference to the leakiest, with its paired interval over people. Margin and
weight of the latents were chosen on models of the other ten people (with photos of ten of the thirty as their public ones);
blur, margin and rate were first guesses that had been seen to work on the thirty, so no figure here is free of looking.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import faces
import numpy as np
from faces import Faces, Net
from table import Row, show

from govtool.attacks.interface import AttackData, AttackResult, Companion, Labels, Records
from govtool.attacks.inversion import ensemble
from govtool.runtime import rng

PEOPLE, STRANGERS = range(30), range(30, 40)
JUDGED_BY = range(7, 10)
ALL = tuple(range(7))
APART = ((0, 1), (2, 3), (4, 5, 6))
GROUPS = 5
HIDDEN = 1000
STEPS = 100


@dataclass(frozen=True)
class Taught:
    """A model: its network, the photos of each person that it saw, its seed, and whether it tells people or groups of them."""

    network: str
    photos: tuple[int, ...]
    seed: int
    groups: bool = False


WORK: dict[str, tuple[Taught, ...]] = {
    "3 CNNs, same photos": tuple(Taught("cnn", ALL, seed) for seed in range(3)),
    "5 CNNs, same photos": tuple(Taught("cnn", ALL, seed) for seed in range(5)),
    "3 CNNs, different photos": tuple(Taught("cnn", photos, seed) for seed, photos in enumerate(APART)),
    "3 MLPs, different photos": tuple(Taught("mlp", photos, seed) for seed, photos in enumerate(APART)),
    "3 softmax, different photos": tuple(Taught("softmax", photos, seed) for seed, photos in enumerate(APART)),
    "CNN, MLP, softmax, different photos": (
        Taught("cnn", APART[0], 0),
        Taught("mlp", APART[1], 1),
        Taught("softmax", APART[2], 2),
    ),
    "CNN and 3 CNNs of group labels": (
        Taught("cnn", ALL, 0),
        *(Taught("cnn", ALL, seed, groups=True) for seed in (11, 12, 13)),
    ),
}


def teach(pictures: Faces, taught: Taught) -> tuple[Net, Labels]:
    """The model, and its class for each person."""
    build, epochs = faces.TARGETS[taught.network]
    own = np.arange(len(PEOPLE))
    if taught.groups:
        own = np.random.default_rng(taught.seed).permutation(len(PEOPLE)) % GROUPS
    seen = pictures.records(PEOPLE, taught.photos)
    records = Records(seen.features, own[seen.labels])
    more = {"hidden": HIDDEN} if taught.network == "mlp" else {}
    if taught.network != "softmax":  # as many steps as on seven photos
        epochs = epochs * len(ALL) // len(taught.photos)
    network = build(pictures.shape, int(own.max()) + 1, **more)
    return faces.train(network, records, taught.seed, epochs=epochs), own


def attack(pictures: Faces, models: Sequence[tuple[Net, Labels]], space: str, **params: int) -> AttackResult:
    """The first model is the target, the others its companions."""
    (target, _), *others = models
    data = AttackData(
        pictures.records(PEOPLE, ALL),
        pictures.records(STRANGERS, ALL),
        evaluation=pictures.records(PEOPLE, JUDGED_BY),
        public=pictures.records(STRANGERS, range(faces.PHOTOS)),
        companions=tuple(Companion(f"model {at}", net, own) for at, (net, own) in enumerate(others, start=2)),
    )
    asked = {"shape": list(pictures.shape), "space": space, "pictures": False, "steps": STEPS, **params}
    found = ensemble.run(target, data, asked, rng(0, "ensemble"))
    assert isinstance(found, AttackResult), found.reason
    return found


def measure(pictures: Faces, name: str, work: Sequence[Taught]) -> Iterator[Row]:
    models = [teach(pictures, taught) for taught in work]
    attack(pictures, models[:2], "latents", steps=1)  # so that no figure below holds the judges' training
    for space in ("pixels", "latents"):
        before = time.process_time()
        found = attack(pictures, models, space)
        seconds = time.process_time() - before
        compared, gain = found.detail["ensemble"], found.detail["ensemble"]["gain"]
        alone = ", ".join(f"{one['rate']['value'] * 100:.0f}" for one in compared["members"])
        judges = ", ".join(
            f"{one['name']} {one['rate']['value'] * 100:.0f}{' (not heard)' if one['excluded'] else ''}"
            for one in found.detail["evaluators"]
        )
        title = f"{name}, {space}"
        yield Row(f"{title}: together", compared["together"]["value"] * 100, "%", f"alone {alone}; {judges}")
        yield Row(
            f"{title}: over leakiest",
            gain["value"] * 100,
            "points",
            f"{gain['low'] * 100:+.0f} to {gain['high'] * 100:+.0f}, p {compared['p_value']:.2g}, n = {gain['n']}",
        )
        yield Row(f"{title}: all searches", seconds, "CPU-s", f"{len(models) + 1} searches, judging included")


def rows(folder: Path, names: Sequence[str]) -> Iterator[Row]:
    pictures = faces.load(folder)
    for name, work in WORK.items():
        if not names or any(asked in name for asked in names):
            yield from measure(pictures, name, work)


if __name__ == "__main__":
    given = sys.argv[1:]
    default = os.environ.get("GOVTOOL_BENCH_DATA")
    if not given and not default:
        sys.exit(__doc__)
    show(rows(Path(given[0] if given else str(default)), given[1:]))
