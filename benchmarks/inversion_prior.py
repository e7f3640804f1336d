"""What public photos of ten other people are worth to somebody who reconstructs the thirty that a model was trained on.

    python benchmarks/inversion_prior.py FOLDER        # or GOVTOOL_BENCH_DATA=FOLDER; it holds orl_faces.npz

ORL faces at 56 x 46. Seven photos of each private person train the target; the judges learn from the other three of all 40
people, so chance is 1 in 40. Settings of the search were frozen on models of people 5 to 19 with 0 to 4 as the public ones
(`priors.latent_search`), so besides the figure of all thirty stands that of the people from 20 on, whom no setting has seen.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from faces import PEOPLE, PHOTOS, TARGETS, TRAINED_ON, Faces, Net, load, target
from table import Row, show

from govtool.attacks.interface import FloatArray, NotTestable, Records
from govtool.attacks.inversion import ascent, judges, settings
from govtool.attacks.inversion.priors import choice, latent_search
from govtool.attacks.inversion.question import Bounds, Question, Reconstructions
from govtool.estimate import clopper_pearson
from govtool.runtime import rng

PUBLIC = range(10)
PRIVATE = range(10, PEOPLE)
UNSEEN = 20
"""People from here on took no part in choosing settings."""
PRIORS = {"softmax": ("pca", "local", "autoencoder"), "mlp": ("pca", "local"), "cnn": ("pca", "local", "autoencoder")}


def panel(faces: Faces) -> list[judges.Judge]:
    held = faces.records(range(PEOPLE), range(TRAINED_ON, PHOTOS))
    return judges.train_panel(held.features.astype(np.float64), held.labels, faces.shape)


def question(faces: Faces, *, mirrored: bool = False) -> Question:
    public = faces.records(PUBLIC, range(PHOTOS)).features
    if mirrored:
        flipped = public.reshape(len(public), *faces.shape[1:])[:, :, ::-1].reshape(len(public), -1)
        public = np.concatenate([public, flipped])
    size = int(np.prod(faces.shape))
    bounds = Bounds(np.zeros(size, np.float32), np.ones(size, np.float32))
    records = Records(public, np.zeros(len(public), np.int64))
    return Question(np.arange(len(PRIVATE), dtype=np.int64), bounds, faces.shape, records)


def named(panel: list[judges.Judge], pictures: FloatArray, what: str) -> Iterator[Row]:
    """Each judge's first and first five places, with exact intervals."""
    people = np.array(PRIVATE, dtype=np.int64)
    late = people >= UNSEEN
    for judge in panel:
        places = judge.ranks(pictures.reshape(len(people), -1).astype(np.float64), people)
        first, five = int((places == 1).sum()), int((places <= 5).sum())
        sure = clopper_pearson(first, len(people))
        unseen = 100 * (places[late] == 1).mean()
        note = (
            f"{100 * sure.low:.0f} to {100 * sure.high:.0f}; top 5 {100 * five / len(people):.1f}; unseen {unseen:.1f}"
        )
        yield Row(f"{what}, {judge.name}", 100 * first / len(people), "% top 1", note)


def attacked(net: Net, asked: Question, prior: str) -> tuple[Reconstructions, float, float]:
    """What was drawn, and CPU seconds of learning the prior and of the search."""
    began = time.process_time()
    learnt = choice.prior(asked, prior, rng(0, "prior"))
    assert not isinstance(learnt, NotTestable)
    middle = time.process_time()
    found = latent_search.search(net.module(), learnt, asked, rng(0, "search"))
    return found, middle - began, time.process_time() - middle


def rows(folder: Path) -> Iterator[Row]:
    import torch

    torch.set_num_threads(1)
    faces = load(folder)
    jury = panel(faces)
    means = faces.pictures[list(PRIVATE), :TRAINED_ON].mean(axis=1)
    yield from named(jury, means, "mean of the training photos")
    begun = set[str]()
    for name in TARGETS:
        net = target(faces, name, PRIVATE)
        asked = question(faces)
        began = time.process_time()
        plain = ascent.reconstruct(net.module(), asked, settings.chosen(net.module(), faces.shape, {}), rng(0, "plain"))
        yield Row(f"{name}, no public data", time.process_time() - began, "CPU s")
        yield from named(jury, plain.inputs, f"{name}, no public data")
        for prior, mirrored in [*((prior, False) for prior in PRIORS[name]), ("local", True)]:
            what = f"{name}, {prior}{' and mirrored' if mirrored else ''}"
            found, learning, searching = attacked(net, question(faces, mirrored=mirrored), prior)
            yield Row(what, searching, "CPU s", f"after {learning:.1f} to learn the prior")
            if name not in begun and found.start is not None:
                begun.add(name)
                yield from named(jury, found.start, f"{name}, nearest public photo alone")
            yield from named(jury, found.inputs, what)


if __name__ == "__main__":
    place = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("GOVTOOL_BENCH_DATA")
    if not place:
        sys.exit(__doc__)
    show(rows(Path(place)))
