"""What each defence would buy: the same updates again, defended, before an attacker who knows it and one who does not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from govtool.attacks.gradient import attacker as attackers
from govtool.attacks.gradient import layers, scoring
from govtool.attacks.gradient.defences import DEFENCES, Defence
from govtool.attacks.gradient.marking import Design, Setting
from govtool.attacks.gradient.update import Update
from govtool.attacks.interface import FloatArray
from govtool.estimate import clopper_pearson

MOST_UPDATES = 10
"""Per row: the table compares defences, and is no figure that a policy rests on."""


def table(
    setting: Setting,
    design: Design,
    names: Sequence[str],
    rng: np.random.Generator,
    progress: Callable[[int, int], None],
) -> list[dict[str, Any]]:
    """A row per defence, in order."""
    rows = []
    for number, name in enumerate(names):
        progress(number, len(names))
        rows.append({"name": name, **_row(setting, design, DEFENCES[name], rng)})
    return rows


def _row(setting: Setting, design: Design, defence: Defence, rng: np.random.Generator) -> dict[str, Any]:
    wide = replace(design, size=design.size * defence.clients, updates=min(design.updates, MOST_UPDATES))
    row = {"title": defence.title, "updates": wide.updates, "records_per_update": wide.size}
    if wide.size > len(setting.records):
        return {**row, "reason": f"needs {wide.size} records at a time, and there are {len(setting.records)}"}
    marked, plain = [], list[FloatArray]()
    for batch in setting.batches(wide, rng):
        update = defence.change(setting.update(batch, wide), rng)
        marked.append(setting.attacked(update, batch, rng))
        if (found := _naive(setting, update, setting.place[batch], rng)) is not None:
            plain.append(found)
    return {
        **row,
        "exposed": clopper_pearson(sum(bool(one.recovered.any()) for one in marked), len(marked)).to_dict(),
        "unsearched": any(one.outcome.too_many for one in marked),
        "adaptive_db": scoring.median_interval(np.concatenate([one.psnr for one in marked])),
        "naive_db": scoring.median_interval(np.concatenate(plain)) if plain else None,
    }


def _naive(setting: Setting, update: Update, chosen: Any, rng: np.random.Generator) -> FloatArray | None:
    first, _ = layers.ends(setting.net, setting.attacker.bounds.low.size)
    scene = attackers.Scene(setting.net, update, update.labels, setting.attacker, setting.classes, first, rng)
    found = attackers.naive(scene)
    if isinstance(found, str):
        return None
    return scoring.score(found.inputs, chosen, setting.line_up, setting.attacker.bounds).psnr
