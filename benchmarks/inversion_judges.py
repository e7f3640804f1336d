"""Who judges decides the score: identical reconstructions before judges of different making, and models that show nobody.

python benchmarks/inversion_judges.py FOLDER          # of the ORL faces, see faces.py; or GOVTOOL_BENCH_DATA

Targets learn seven photos of each person, judges the other three. Naive judges are trained on the target's own photos.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import faces
import numpy as np
from faces import Faces, Net
from table import Row, show

from govtool.attacks.interface import AttackData, AttackResult, FloatArray, Labels, Records
from govtool.attacks.inversion import calibration, convolutional, judges, mi_face
from govtool.attacks.inversion.question import Bounds

SEEDS = range(3)
HALF = faces.PEOPLE // 2
HELD = range(faces.TRAINED_ON, faces.PHOTOS)
Judges = dict[str, Callable[[FloatArray], Labels]]


def rows(folder: Path) -> Iterator[Row]:
    pictures = faces.load(folder)
    everyone = range(faces.PEOPLE)
    members, held = pictures.records(everyone, range(faces.TRAINED_ON)), pictures.records(everyone, HELD)
    data = AttackData(members, held, evaluation=held)
    bounds = Bounds.of(held.features, image=True)
    started = time.process_time()
    panel = judges.panel_of(bounds.to_units(held.features), held.labels, pictures.shape)
    yield Row("training three judges, 40 people", time.process_time() - started, "CPU s", "56 x 46")
    naive = _naive(pictures, members, bounds) | {f"{judge.name}, disjoint": judge.names for judge in panel}
    yield from _named("a real photo of each", members.features[:: faces.TRAINED_ON], bounds, naive)
    for name in ("softmax", "mlp", "cnn"):
        target = faces.target(pictures, name)
        for how, params in {"": {}, ", no prior": {"prior": "none", "jitter": 0.0, "restarts": 1}}.items():
            found = _attack(target, data, pictures, params)
            yield from _named(f"drawn from the {name}{how}", found.arrays["reconstructions"], bounds, naive)
            yield _told(f"{name}{how}", found)
            yield from _compared(f"{name}{how}", found)
    for name, target, given in _clean(pictures, data):
        yield _told(name, _attack(target, given, pictures, {}))
    yield from _kept(pictures)


def _attack(target: Net, data: AttackData, pictures: Faces, params: dict[str, Any]) -> AttackResult:
    """The control is taken as passed, to see what the judges alone make of a model."""
    control = {"passed": True, "how": "not run"}
    given = {"shape": list(pictures.shape), "positive_control": control, **params}
    found = mi_face.run(target, data, given, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    return found


def _naive(pictures: Faces, members: Records, bounds: Bounds) -> Judges:
    """Judges that met what the target met: its own kind of network without augmentation, and the panel's net with it."""
    same = faces.train(faces.cnn(pictures.shape, faces.PEOPLE), members, 1, epochs=15)
    learned = convolutional.train(bounds.to_units(members.features), members.labels, pictures.shape, 0)
    return {
        "cnn as a target, on its photos": lambda units: same.labels(bounds.from_units(units)),
        "cnn with augmentation, on its photos": lambda units: np.asarray(
            learned.scores(units).argmax(1), dtype=np.int64
        ),
    }


def _named(what: str, drawn: FloatArray, bounds: Bounds, asked: Judges) -> Iterator[Row]:
    wanted = np.arange(len(drawn))
    for name, names in asked.items():
        yield Row(what, 100 * float((names(bounds.to_units(drawn)) == wanted).mean()), "% named", name)


def _told(what: str, found: AttackResult) -> Row:
    detail = found.detail
    hits = ", ".join(
        f"{one['name']} {one['rate']['value']:.0%}{' (excluded)' if one['excluded'] else ''}"
        for one in detail["evaluators"]
    )
    sure = np.mean([one["target_confidence"] for one in detail["classes"]])
    note = f"{detail['findings'][0]['verdict']}; {hits}; target sure {sure:.2f}"
    return Row(f"panel: {what}", 100 * found.metrics["identification_rate"].value, "% named", note)


def _compared(what: str, found: AttackResult) -> Iterator[Row]:
    detail = found.detail
    for one in detail["line_ups"]:
        five = one["of_five"]["value"]
        yield Row(
            f"  five: {what}",
            100 * five,
            "% picked",
            f"{one['space']}; gallery {one['whole_gallery']['value']:.0%}, p {one['p_value']:.4f}",
        )
    for one in detail["resemblance"]:
        note = f"{one['row']}; SSIM {one['ssim']['value']:.3f}, feature distance "
        note += f"{one['feature_distance']['value']:.3f}" if one["feature_distance"] else "not measured"
        yield Row(f"  like its photos: {what}", one["psnr"]["value"], "dB", note)


def _clean(pictures: Faces, data: AttackData) -> Iterator[tuple[str, Net, AttackData]]:
    """Models that show none of the people they are judged by."""
    import torch

    for seed in SEEDS:
        for name, (build, _) in faces.TARGETS.items():
            torch.manual_seed(seed)
            yield f"untrained {name}, seed {seed}", Net(build(pictures.shape, faces.PEOPLE).eval(), faces.PEOPLE), data
        shuffled = np.random.default_rng(seed).permutation(data.members.labels)
        learnt = Records(data.members.features, shuffled)
        permuted = faces.train(faces.softmax(pictures.shape, faces.PEOPLE), learnt, seed, epochs=150)
        yield f"softmax on permuted labels, seed {seed}", permuted, data
        target = faces.target(pictures, "cnn", range(HALF), seed=seed)
        others = range(HALF, faces.PEOPLE)
        members, held = pictures.records(others, range(faces.TRAINED_ON)), pictures.records(others, HELD)
        yield f"cnn of 20 others, seed {seed}", target, replace(data, members=members, nonmembers=held, evaluation=held)


def _kept(pictures: Faces) -> Iterator[Row]:
    """How often the rule would turn a good judge away, whatever photos it learns from."""
    everyone = range(faces.PEOPLE)
    accuracy: dict[str, list[float]] = {}
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(faces.PHOTOS)
        learnt, asked = pictures.records(everyone, order[:3]), pictures.records(everyone, order[3:])
        for judge in judges.train_panel(learnt.features.astype(np.float64), learnt.labels, pictures.shape, seed):
            accuracy.setdefault(judge.name, []).append(
                judge.rate(asked.features.astype(np.float64), asked.labels).value
            )
    for name, found in accuracy.items():
        turned_away = sum(value < calibration.ACCURATE for value in found)
        yield Row(
            f"real photos, judge {name}",
            100 * float(np.mean(found)),
            "% named",
            f"least {min(found):.1%}; below 80 %: {turned_away} of {len(found)}",
        )


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("GOVTOOL_BENCH_DATA")
    if not given:
        sys.exit("name the folder of orl_faces.npz, as an argument or as GOVTOOL_BENCH_DATA")
    show(rows(Path(given)))
