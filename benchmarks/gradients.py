"""What one update of federated learning gives away: read off layers, through trap weights, by search, and despite noise.

python -m benchmarks.gradients                     # scikit-learn's digits
python -m benchmarks.gradients FOLDER              # and orl_faces.npz of that folder (or GOVTOOL_BENCH_DATA)

CPU seconds are of one thread. How strictly traps and searches are set was chosen on photos of other people than those scored:
traps on people 0 to 29, who are not scored there; the weight of total variation on three photos of people 18, 33 and 34.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faces
import numpy as np
from table import Row, show

from govtool.attacks.gradient import analytic, attacker, defences, labels, layers, matching, scoring, traps
from govtool.attacks.gradient.update import Local, Update, prepare, send
from govtool.attacks.interface import Records
from govtool.attacks.inversion.question import Bounds
from govtool.attacks.inversion.similarity import psnr
from govtool.runtime import rng

SEEDS = (0, 1, 2)
EXACT_DB = 40.0
ONE = Local()


def bounds(width: int) -> Bounds:
    return Bounds(np.zeros(width, dtype=np.float32), np.ones(width, dtype=np.float32))


def perceptron(width: int, hidden: int, classes: int, seed: int, act: str = "ReLU") -> Any:
    import torch

    torch.manual_seed(seed)
    middle = getattr(torch.nn, act)()
    return prepare(torch.nn.Sequential(torch.nn.Linear(width, hidden), middle, torch.nn.Linear(hidden, classes)), ONE)


def decibels(found: Any, truth: Any) -> Any:
    return np.minimum(psnr(found.astype(np.float64), truth), scoring.MOST_DB)


def spread(values: list[float]) -> str:
    return f"{min(values):.3g} to {max(values):.3g} over {len(values)}"


def digits_searched(labels_known: bool) -> Iterator[Row]:
    """The small sigmoid net of the first papers, one digit per update."""
    import torch
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    found, seconds, right = [], 0.0, 0
    for trial in range(30):
        draw = rng(trial, "digits")
        torch.manual_seed(trial)
        net = torch.nn.Sequential(
            torch.nn.Unflatten(1, (1, 8, 8)),
            torch.nn.Conv2d(1, 12, 3, padding=1),
            torch.nn.Sigmoid(),
            torch.nn.Conv2d(12, 12, 3, padding=1, stride=2),
            torch.nn.Sigmoid(),
            torch.nn.Flatten(),
            torch.nn.Linear(12 * 16, 10),
        )
        for parameter in net.parameters():
            torch.nn.init.uniform_(parameter, -0.5, 0.5)
        at = int(draw.integers(len(pixels)))
        truth = (pixels[at : at + 1] / 16).astype(np.float32)
        update = send(prepare(net, ONE), truth, classes[at : at + 1].astype(np.int64), ONE, tell_labels=False)
        began = time.process_time()
        known = labels.recover(update, layers.ends(net, 64)[1], np.full((1, 10), 0.1))
        assert known is not None
        right += int(known[0] == classes[at])
        match = matching.squared(net, update, known if labels_known else None, bounds(64), None, 10, draw)
        seconds += time.process_time() - began
        found.append(float(decibels(match.inputs, truth)[0]))
    name = "iDLG" if labels_known else "DLG"
    over = 100 * float(np.mean(np.array(found) > scoring.RECOVERED_DB))
    yield Row(
        f"digits, {name}: over 30 dB",
        over,
        "%",
        f"30 nets and records; median {np.median(found):.0f} dB, least {min(found):.0f}",
    )
    yield Row(f"digits, {name}: each", seconds / len(found), "CPU-s", f"labels right {right} of {len(found)}")


def one_record(data: Records) -> Iterator[Row]:
    width = data.features.shape[1]
    for act in ("ReLU", "Sigmoid"):
        found, seconds = [], []
        for seed in SEEDS:
            for at in rng(seed, "one").choice(len(data), 10, replace=False):
                net = perceptron(width, 1000, 40, seed, act)
                truth = data.features[at : at + 1]
                update = send(net, truth, data.labels[at : at + 1], ONE, tell_labels=False)
                first, _ = layers.ends(net, width)
                assert first is not None
                began = time.process_time()
                reading = analytic.read(update, first, bounds(width))
                seconds.append(time.process_time() - began)
                assert reading is not None
                found.append(float(decibels(reading.inputs, truth)[0]))
        note = f"least of {len(found)}, median {np.median(found):.0f} (200 is identical); {np.median(seconds):.2f} CPU-s each"
        yield Row(f"faces, first layer, one record, {act}", min(found), "dB", note)


def batches(data: Records, public: Records) -> Iterator[Row]:
    """Shares over 40 dB among as many candidates as records were sent."""
    width = data.features.shape[1]
    for hidden in (1000, 256):
        for size in (4, 16, 64):
            for server, lay in (("listening", None), ("trap weights", traps.scaled), ("thresholds", traps.calibrated)):
                shares, began = [], time.process_time()
                for seed in SEEDS:
                    draw = rng(seed, f"{hidden}-{size}")
                    net = perceptron(width, hidden, 40, seed)
                    first, _ = layers.ends(net, width)
                    assert first is not None
                    if lay is not None:
                        traps.planted(first, lay(first, public.features, size, draw))
                    rows = draw.choice(len(data), size, replace=False)
                    update = send(net, data.features[rows], data.labels[rows], ONE, tell_labels=False)
                    reading = analytic.read(update, first, bounds(width))
                    assert reading is not None
                    line_up, place = scoring.LineUp.of(
                        Records(data.features[rows], data.labels[rows]), bounds(width), None
                    )
                    marks = scoring.score(reading.inputs, place, line_up, bounds(width))
                    shares.append(100 * float((np.nan_to_num(marks.psnr, nan=0.0) > EXACT_DB).mean()))
                each = (time.process_time() - began) / len(SEEDS)
                what = f"faces, {hidden} units, {size} records, {server}"
                yield Row(what, float(np.mean(shares)), "%", f"{spread(shares)} seeds; {each:.2f} CPU-s each")


def noise(data: Records, public: Records) -> Iterator[Row]:
    width = data.features.shape[1]
    prior = analytic.Prior.of(public.features)
    for deviation in (1e-4, 1e-3, 1e-2):
        found: dict[str, list[float]] = {"one unit": [], "all units": [], "all units, public prior": []}
        for seed in SEEDS:
            draw = rng(seed, "noise")
            for at in draw.choice(len(data), 5, replace=False):
                net = perceptron(width, 256, 40, seed)
                truth = data.features[at : at + 1]
                clean = send(net, truth, data.labels[at : at + 1], ONE, tell_labels=True)
                update = defences.noise(deviation)(clean, draw)
                first, _ = layers.ends(net, width)
                assert first is not None
                who = attacker.Attacker(bounds(width), None)
                alone = attacker.naive(attacker.Scene(net, update, update.labels, who, 40, first, draw))
                assert isinstance(alone, attacker.Attempt)
                readings = [alone, *(analytic.read(update, first, bounds(width), one) for one in (None, prior))]
                for name, reading in zip(found, readings, strict=True):
                    assert reading is not None
                    found[name].append(float(decibels(reading.inputs, truth)[0]))
        for name, values in found.items():
            yield Row(
                f"faces, noise {deviation:g}, {name}", float(np.median(values)), "dB", f"{spread(values)} records"
            )


def searched(data: faces.Faces) -> Iterator[Row]:
    """A ReLU net of convolutions at 28 x 23, one record, before and after training on everybody's photos."""
    everyone = data.records(range(faces.PEOPLE), range(faces.PHOTOS))
    scored = data.records(range(20, 30), range(faces.PHOTOS))
    for state in ("untrained", "trained"):
        marks: dict[str, list[float]] = {"squared": [], "cosine + TV": []}
        seconds, norms = dict.fromkeys(marks, 0.0), []
        for seed in SEEDS:
            net = convolutions(data.shape, seed)
            if state == "trained":
                net = faces.train(net, everyone, seed, epochs=15).network
            net = prepare(net, ONE)
            at = int(rng(seed, "searched").integers(len(scored)))
            truth, label = scored.features[at : at + 1], scored.labels[at : at + 1] + 20
            update: Update = send(net, truth, label, ONE, tell_labels=True)
            norms.append(update.norm)
            for name, search in (("squared", matching.squared), ("cosine + TV", matching.cosine)):
                began = time.process_time()
                match = search(net, update, label, bounds(truth.size), data.shape, faces.PEOPLE, rng(seed, name))
                seconds[name] += time.process_time() - began
                marks[name].append(float(decibels(match.inputs, truth)[0]))
        for name, values in marks.items():
            note = f"{spread(values)} seeds; {seconds[name] / len(SEEDS):.1f} CPU-s each; gradient {spread(norms)}"
            yield Row(f"faces, {state} ReLU net, {name}", float(np.median(values)), "dB", note)


def convolutions(shape: tuple[int, int, int], seed: int) -> Any:
    import torch

    torch.manual_seed(seed)
    _, height, width = shape
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, shape),
        torch.nn.Conv2d(1, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 3, padding=1, stride=2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(32 * -(-height // 2) * -(-width // 2), faces.PEOPLE),
    )


def nothing_done(data: Records) -> Iterator[Row]:
    line_up, place = scoring.LineUp.of(data, bounds(data.features.shape[1]), None)
    for name, values in line_up.baselines(place).items():
        yield Row(f"faces, no attack: {name.replace('_', ' ')}", float(np.nanmean(values)), "dB", f"{len(data)} photos")


def rows(folder: str | None = None) -> Iterator[Row]:
    yield from digits_searched(labels_known=True)
    yield from digits_searched(labels_known=False)
    folder = folder or os.environ.get("GOVTOOL_BENCH_DATA")
    if not folder:
        return
    whole = faces.load(Path(folder))
    scored, public = (whole.records(people, range(faces.PHOTOS)) for people in (range(30, 40), range(10)))
    yield from nothing_done(whole.records(range(faces.PEOPLE), range(faces.PHOTOS)))
    yield from one_record(scored)
    yield from batches(scored, public)
    yield from noise(scored, public)
    yield from searched(faces.load(Path(folder), 4))


if __name__ == "__main__":
    show(rows(sys.argv[1] if len(sys.argv) > 1 else None))
