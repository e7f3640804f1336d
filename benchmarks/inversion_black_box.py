"""Inversion through answers alone, on the faces: what rounding, few scores and labels buy, and what it costs in queries.

    python benchmarks/inversion_black_box.py FOLDER [targets, default softmax,mlp,cnn]

FOLDER holds the faces (see faces.py). Thirty people are attacked, the other ten are public. Every setting of the search was
chosen on people of the public group, attacked in other models, so no person scored here had a part in it. Judges learn from
the three photos of each person that the target never saw. Chance is 1 in 30; one class is 3.3 points.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import faces
import numpy as np
import table

from govtool.attacks import degraded
from govtool.attacks.interface import FloatArray, Labels, Target
from govtool.attacks.inversion import black_box, judges, labels_only
from govtool.attacks.inversion.answers import drawing, reading
from govtool.attacks.inversion.answers.ledger import Terms
from govtool.attacks.inversion.question import Bounds, Question
from govtool.estimate import clopper_pearson

PUBLIC, PRIVATE = range(10), range(10, 40)
HIDDEN = 1000
"""Of the MLP: the size for which a figure without sharing answers is known."""

# (what is shown, search, queries for each class)
ASKED = [
    *(("all scores", "surrogate", queries) for queries in (50, 100, 300)),
    *(("one decimal", "surrogate", queries) for queries in (50, 100, 300)),
    ("two decimals", "surrogate", 300),
    ("best 5", "surrogate", 300),
    ("best 1", "surrogate", 300),
    ("labels", "surrogate", 300),
]
COMPARED = [
    ("one decimal", "surrogate", 1000),
    ("one decimal", "surrogate", 3100),
    ("labels", "surrogate", 100),
    ("labels", "surrogate", 1000),
    *(("one decimal", search, queries) for search in ("nes", "cma") for queries in (300, 1000, 3100)),
    *(("labels", "votes", queries) for queries in (1000, 3100)),
]
"""More queries and the other searches, on the quickest target alone."""
BLIND = [("all scores", "surrogate", 300), ("one decimal", "surrogate", 300), ("labels", "surrogate", 300)]
"""Without public photos."""


def shown(target: Target, what: str) -> Target:
    match what.split():
        case ["two", _]:
            return degraded.Rounded(target, 2)
        case ["one", _]:
            return degraded.Rounded(target, 1)
        case ["best", k]:
            return degraded.TopK(target, int(k))
        case ["labels"]:
            return degraded.LabelsOnly(target)
    return target


def draw(target: Target, asked: Question, what: str, search: str, queries: int) -> drawing.Reconstructions:
    seen = shown(target, what)
    if what == "labels":
        ask, searches = reading.of_labels(seen, asked.classes), labels_only.SEARCHES
    else:
        ask, searches = reading.of_scores(seen, asked.classes.size), black_box.SEARCHES
    return drawing.draw(ask, asked, Terms(queries), searches[search], search, np.random.default_rng(0))


def network(photos: faces.Faces, name: str) -> faces.Net:
    if name != "mlp":
        return faces.target(photos, name, list(PRIVATE))
    learnt = photos.records(list(PRIVATE), range(faces.TRAINED_ON))
    return faces.train(faces.mlp(photos.shape, len(PRIVATE), HIDDEN), learnt, 0, epochs=faces.TARGETS[name][1])


def measure(folder: Path, names: list[str]) -> Iterator[table.Row]:
    photos = faces.load(folder)
    held = photos.records(list(PRIVATE), range(faces.TRAINED_ON, faces.PHOTOS))
    panel = judges.train_panel(held.features.astype(np.float64), held.labels, photos.shape)
    wide = Bounds(np.zeros(held.features.shape[1], np.float32), np.ones(held.features.shape[1], np.float32))
    public = photos.records(list(PUBLIC), range(faces.PHOTOS))
    for name in names:
        target = network(photos, name)
        for known, plans in ((public, [*ASKED, *(COMPARED if name == "softmax" else [])]), (None, BLIND)):
            asked = Question(np.arange(len(PRIVATE)), wide, photos.shape, known)
            for what, search, queries in plans:
                began = time.process_time()
                found = draw(target, asked, what, search, queries)
                spent = time.process_time() - began
                note = said(
                    panel, found.inputs.astype(np.float64), asked.classes, found.detail["query_ledger"]["per_class"]
                )
                title = f"{name}, {what}, {search}{'' if known else ', no public photos'}, {queries}"
                yield table.Row(title, spent, "CPU-s", note)


def said(panel: list[judges.Judge], units: FloatArray, labels: Labels, per_class: float) -> str:
    """Each judge's top-1 rate; for the convolutional net with its interval and the top-5 rate."""
    notes = []
    for judge in panel:
        places = judge.ranks(units, labels)
        rate = clopper_pearson(int((places == 1).sum()), len(labels))
        first = f"{judge.name} {rate.value:.0%}"
        if judge is panel[0]:
            first += f" ({rate.low:.0%} to {rate.high:.0%}), top 5 {(places <= 5).mean():.0%}"
        notes.append(first)
    return f"{per_class:,.0f} queries a class; " + "; ".join(notes)


if __name__ == "__main__":
    table.show(measure(Path(sys.argv[1]), sys.argv[2].split(",") if len(sys.argv) > 2 else ["softmax", "mlp", "cnn"]))
