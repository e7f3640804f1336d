"""The person or the photo, on real faces: what the split swap makes of models that must, and must not, remember.

    python benchmarks/split_swap.py FOLDER        (or GOVTOOL_BENCH_DATA=FOLDER)

FOLDER holds the ORL faces (see `faces.py`). Each row: two models, one trained on the first photos of all 40 people and one on
the next, at 56 x 46, inverted by the white-box search as it stands; one pair, not averaged over splits. Photos are in the
order of the file. Seeds are fixed.
"""

import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import faces
import numpy as np
from table import Row, show

from govtool.attacks.interface import AttackData, AttackResult, Twins
from govtool.attacks.inversion import split_swap

MODELS = {"softmax": (faces.softmax, 150), "MLP 1000": (partial(faces.mlp, hidden=1000), 40), "CNN": (faces.cnn, 15)}
CASES = (("softmax", 1), ("softmax", 5), ("MLP 1000", 1), ("MLP 1000", 5), ("CNN", 5))


def case(data: faces.Faces, name: str, photos: int) -> Iterator[Row]:
    """Epochs are as many times more as photos are fewer, so that all models see equally many."""
    build, epochs = MODELS[name]
    members = data.records(range(faces.PEOPLE), range(2 * photos))
    shot = np.tile(np.arange(2 * photos), faces.PEOPLE)
    halves = (np.flatnonzero(shot < photos), np.flatnonzero(shot >= photos))
    began = time.process_time()
    pair = [
        faces.train(
            build(data.shape, faces.PEOPLE),
            data.records(range(faces.PEOPLE), photos_of),
            seed,
            epochs=epochs * 5 // photos,
        )
        for seed, photos_of in enumerate((range(photos), range(photos, 2 * photos)))
    ]
    trained = time.process_time() - began
    asked = AttackData(members, members, twins=Twins([(pair[0], pair[1])], [halves], name))
    began = time.process_time()
    params = {"shape": data.shape}
    control = split_swap.control(asked, params, np.random.default_rng(0))
    controlled = time.process_time() - began
    found = split_swap.run(pair[0], asked, {**params, "positive_control": control}, np.random.default_rng(0))
    assert isinstance(found, AttackResult), found
    taken = time.process_time() - began - controlled
    title = f"{name}, {photos} photo{'s' if photos > 1 else ''} per person"
    for metric, estimate in found.metrics.items():
        yield Row(
            f"{title}: {metric}",
            estimate.value,
            "",
            f"95 %: {estimate.low:.3f} to {estimate.high:.3f}, n = {estimate.n}",
        )
    mean = next(row for row in found.detail["beside"] if row["row"].startswith("the mean of the class"))
    yield Row(f"{title}: of the class mean", mean["advantage"], "", "the advantage that the exact mean would have")
    yield Row(
        f"{title}: CPU",
        taken,
        "s",
        f"three inversions with comparison; training {trained:.1f} s, control {controlled:.1f} s",
    )
    answer = found.detail["findings"][0]
    yield Row(
        f"{title}: control",
        control["advantage"]["value"],
        "",
        f"advantage, passed: {control['passed']}; {answer['verdict']}",
    )


def rows(folder: Path) -> Iterator[Row]:
    import torch

    torch.set_num_threads(1)
    data = faces.load(folder)
    for name, photos in CASES:
        yield from case(data, name, photos)


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("GOVTOOL_BENCH_DATA")
    if not given:
        sys.exit("usage: python benchmarks/split_swap.py FOLDER (or GOVTOOL_BENCH_DATA=FOLDER)")
    show(rows(Path(given)))
