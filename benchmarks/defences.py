"""What defences buy against attackers who know of them: faces behind answers made worse, and tables trained otherwise.

    python benchmarks/defences.py FOLDER      (or GOVTOOL_BENCH_DATA=FOLDER)

The folder holds orl_faces.npz and location30.npz. Faces: softmax regression on seven photos of each of thirty people, the other
three photos being the non-members and what the judges learn from, ten other people the public prior. Table: the over-trained
network of the membership benchmarks, trained again with each defence. Intervals are 95 %, widened for choosing the strongest
attack. One model of each kind.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import faces
import numpy as np
from table import Row, show
from worlds import load

from govtool.access import Access, reachable
from govtool.attacks import validity
from govtool.attacks.defences import measures, trial
from govtool.attacks.interface import AttackData, Records
from govtool.audits import defences
from govtool.audits.defences_spec import Defences, DefencesSpec
from govtool.audits.recipe import Recipe
from govtool.runtime import rng

ANSWERS = (("rounding", 2), ("rounding", 1), ("top_k", 1), ("labels", 0), ("noise", 0.05), ("temperature", 5))
QUERIES = 300


def rows(folder: Path) -> Iterator[Row]:
    yield from _faces(folder)
    yield from _table(folder)


def _told(row: trial.Row, without: trial.Row | None, data: AttackData) -> Iterator[Row]:
    name = f"{row.defence} {row.setting}"
    bought = trial.bought(row, without, data.membership) if without else None
    area = row.membership.auc
    said = f"{area.low:.3f}-{area.high:.3f}, {row.membership.how}"
    yield Row(f"{name}: membership", area.value, "AUC", said + (f"; {bought.said}" if bought else ""))
    if isinstance(row.inversion, trial.Inversion):
        rate = row.inversion.rate
        note = f"{100 * rate.low:.0f}-{100 * rate.high:.0f}, n {rate.n}, {row.inversion.how}"
        yield Row(f"{name}: people recognised", 100 * rate.value, "%", note)
    yield Row(f"{name}: accuracy", 100 * row.accuracy.value, "%", "on records never seen")


def _faces(folder: Path) -> Iterator[Row]:
    pictures = faces.load(folder)
    net = faces.target(pictures, "softmax", range(30))
    target = faces.Net(net.network, net.n_classes, reachable(frozenset({Access.PROBABILITIES})))
    members, others = (pictures.records(range(30), photos) for photos in (range(7), range(7, 10)))
    public = pictures.records(range(30, 40), range(10))
    data = AttackData(members, others, evaluation=others, public=public, unit="record")
    spread = public.features.std(axis=0).astype(np.float64)
    checked = validity.check(data, rng(0, "validity"))
    without: trial.Row | None = None
    for defended in (
        measures.nothing(target),
        *(measures.MEASURES[name](target, setting, spread) for name, setting in ANSWERS),
    ):
        labels = trial.by_labels(defended.target, data, checked, rng(0, "labels"))
        drawn = trial.inversion(defended, data, {"shape": pictures.shape, "queries": QUERIES}, 0)
        rate, right = trial.accuracy(defended.target, others)
        found = trial.membership(defended, data, labels)
        row = trial.Row(defended.defence, defended.setting, rate, right, found, drawn)
        yield from _told(row, without, data)
        without = without or row


def _table(folder: Path) -> Iterator[Row]:
    records = load(folder, "location30")
    order = rng(0, "defences").permutation(len(records))
    members, others, population = (
        Records(records.features[chosen], records.labels[chosen]) for chosen in np.split(order[:4500], [1500, 3000])
    )
    params = {"hidden": [128], "activation": "tanh"}
    recipe = Recipe(factory="mlp", factory_params=params, epochs=60, batch_size=64, learning_rate=1e-3)
    asked = Defences(dp_sgd=[8.0, 1.0], weight_decay=[1e-3, 1e-2], distillation=True)
    spec = DefencesSpec.model_construct(recipe=recipe, defences=asked, delta=1e-5, evaluation=[], seed=0)
    data = AttackData(members, others, population, unit="record")
    checked = validity.check(data, rng(0, "validity"))
    classes = int(records.labels.max()) + 1
    without: trial.Row | None = None
    for defended in defences.trained(recipe, spec, classes, data):
        row = defences.measured(defended, data, checked, spec)
        yield from _told(row, without, data)
        without = without or row


if __name__ == "__main__":
    show(rows(Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["GOVTOOL_BENCH_DATA"])))
