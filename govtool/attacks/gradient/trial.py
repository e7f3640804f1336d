"""Updates attacked and marked: what every attack recovers, what nobody had to attack for, one finding.

`captured` takes one update as it was intercepted, `simulated` makes updates from registered records as clients would.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from govtool.attacks.gradient import attacker as attackers
from govtool.attacks.gradient import bargains, layers, planted, result, traps
from govtool.attacks.gradient.attacker import Attacker, GradientAttack
from govtool.attacks.gradient.marking import Design, Marked, Setting
from govtool.attacks.gradient.scoring import LineUp
from govtool.attacks.gradient.update import Update, prepare
from govtool.attacks.interface import AttackResult, NotTestable, Records

_FEWEST_PUBLIC = 20


def simulated(
    net: Any,
    records: Records,
    attacker: Attacker,
    classes: int,
    design: Design,
    attacks: Mapping[str, GradientAttack],
    rng: np.random.Generator,
    *,
    defences: Sequence[str] = (),
    pictures: bool = False,
    progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None,
) -> AttackResult | NotTestable:
    """Updates of clients with these records, each attacked.

    Args:
        net: the module at the weights that clients are sent.
        records: what clients hold, and the line-up in which the right ones must be told.
        attacker: what is known beside.
        classes: how many the model tells apart.
        design: how many updates, from how many records each.
        attacks: from the catalogue, in its order.
        rng: for batches, noise and starts.
        defences: names from `defences.DEFENCES` for the table; they change no figure.
        pictures: keep reconstructions beside the marks.
        progress: (step, done, total).
    """
    if design.size > len(records):
        return NotTestable(f"an update of {design.size} records cannot be made from {len(records)}")
    served = _served(net, attacker, design, rng)
    if isinstance(served, str):
        return NotTestable(served)
    line_up, place = LineUp.of(records, attacker.bounds, attacker.shape)
    setting = Setting(served, records, place, line_up, attacker, classes, attacks)
    marked: list[Marked] = []
    for batch in setting.batches(design, rng):
        progress("updates", len(marked), design.updates)
        marked.append(setting.attacked(setting.update(batch, design), batch, rng))
    control = planted.control(records, attacker, classes, rng)
    table = bargains.table(setting, design, defences, rng, lambda done, total: progress("defences", done, total))
    detail = {"how": "simulated", "server": design.server, "defences": table}
    asked = result.Asked(design.size, design.local, labels_given=design.tell_labels, pictures=pictures)
    return result.marked(marked, line_up, attacker, asked, control, detail)


def captured(
    net: Any,
    update: Update,
    truth: Records | None,
    others: Records | None,
    attacker: Attacker,
    classes: int,
    attacks: Mapping[str, GradientAttack],
    rng: np.random.Generator,
    *,
    pictures: bool = False,
) -> AttackResult | NotTestable:
    """One intercepted update. Without `truth`, the records that made it, nothing is marked and no rate is claimed.

    Args:
        net: the module at the weights that the client was sent.
        update: what was intercepted.
        truth: the records behind it, in any order.
        others: records of the same kind that did not make it, for the line-up.
        attacker: what is known beside.
        classes: how many the model tells apart.
        attacks: from the catalogue, in its order.
        rng: for starts.
        pictures: keep reconstructions beside the marks.
    """
    if not update.norm:
        return NotTestable("every number of the update is zero, so it says nothing")
    net = prepare(copy.deepcopy(net), update.local)
    outcome = attackers.attack(net, update, attacker, classes, attacks, rng)
    kind = truth if truth is not None else others if others is not None else attacker.public
    control = planted.control(kind, attacker, classes, rng) if kind is not None else result.NO_CONTROL
    detail: dict[str, Any] = {"how": "captured", "server": "unknown", "norm": update.norm}
    asked = result.Asked(update.size, update.local, labels_given=update.labels is not None, pictures=pictures)
    if truth is None:
        return result.unmarked(outcome, attacker, asked, control, detail)
    together = truth if others is None else _joined(truth, others)
    line_up, place = LineUp.of(together, attacker.bounds, attacker.shape)
    setting = Setting(net, together, place, line_up, attacker, classes, attacks)
    marked = setting.marked(outcome, np.arange(len(truth)))
    return result.marked([marked], line_up, attacker, asked, control, detail)


def _joined(first: Records, second: Records) -> Records:
    return Records(np.concatenate([first.features, second.features]), np.concatenate([first.labels, second.labels]))


def _served(net: Any, attacker: Attacker, design: Design, rng: np.random.Generator) -> Any | str:
    """The module that clients are sent; why not, where the server cannot set its trap."""
    served = prepare(copy.deepcopy(net), design.local)
    if design.server == "curious":
        return served
    first, _ = layers.ends(served, attacker.bounds.low.size)
    if first is None or first.bias is None or not first.rectified:
        return "a trap needs a fully connected first layer with a bias and a ReLU behind it"
    if attacker.public is None or len(attacker.public) < _FEWEST_PUBLIC:
        return f"a server sets its trap with at least {_FEWEST_PUBLIC} public records; name some under public:"
    lay = traps.scaled if design.server == "trap_weights" else traps.calibrated
    traps.planted(first, lay(first, attacker.public.features, design.size, rng))
    return served
