"""Power control: the same attacks on updates that give a record away for sure, by the shape of the user's own records.

Who finds nothing here would find nothing anywhere, so silence elsewhere shows nothing.
"""

from typing import Any

import numpy as np

from govtool.attacks.gradient import matching
from govtool.attacks.gradient.attacker import Attacker, Scene, first_layer
from govtool.attacks.gradient.layers import ends
from govtool.attacks.gradient.scoring import RECOVERED_DB, shares
from govtool.attacks.gradient.update import Local, prepare, send
from govtool.attacks.interface import Records
from govtool.attacks.inversion.similarity import psnr

NEEDED_DB = 100.0
"""Of the analytic attack on one record through a fully connected first layer: exact but for rounding."""
_HIDDEN = 64
_WIDEST_SEARCH = 4096
"""Features up to which the search is controlled too; its time grows with them."""


def control(records: Records, attacker: Attacker, classes: int, rng: np.random.Generator) -> dict[str, Any]:
    """One record, read off a fully connected layer and searched for in a smooth net. `passed` is what a finding needs."""
    at = int(rng.integers(len(records)))
    one = Records(records.features[at : at + 1].reshape(1, -1), records.labels[at : at + 1])
    width = one.features.shape[1]
    read = _read(one, attacker, classes, rng)
    searched = _searched(one, attacker, classes, rng) if width <= _WIDEST_SEARCH else None
    how = f"first layer, one record: {read:.0f} dB where {NEEDED_DB:.0f} are needed"
    if searched is not None:
        how += f"; search in a smooth net, one record: {searched:.0f} dB where {RECOVERED_DB:.0f} are needed"
    passed = read > NEEDED_DB and (searched is None or searched > RECOVERED_DB)
    return {"passed": passed, "how": how, "first_layer_db": read, "search_db": searched}


def _read(one: Records, attacker: Attacker, classes: int, rng: np.random.Generator) -> float:
    import torch

    width = one.features.shape[1]
    net = _drawn([torch.nn.Linear(width, _HIDDEN), torch.nn.ReLU(), torch.nn.Linear(_HIDDEN, classes)], rng)
    update = send(net, one.features, one.labels, Local(), tell_labels=True)
    found = first_layer(Scene(net, update, update.labels, attacker, classes, ends(net, width)[0], rng))
    return 0.0 if isinstance(found, str) else _db(found.inputs, one, attacker)


def _searched(one: Records, attacker: Attacker, classes: int, rng: np.random.Generator) -> float:
    import torch

    width = one.features.shape[1]
    net = _drawn([torch.nn.Linear(width, _HIDDEN), torch.nn.Sigmoid(), torch.nn.Linear(_HIDDEN, classes)], rng)
    update = send(net, one.features, one.labels, Local(), tell_labels=True)
    found = matching.squared(net, update, update.labels, attacker.bounds, attacker.shape, classes, rng)
    return _db(found.inputs, one, attacker)


def _drawn(layers: list[Any], rng: np.random.Generator) -> Any:
    """Weights from our own generator, so that the control is the same on every run."""
    import torch

    net = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for parameter in net.parameters():
            spread = 1 / np.sqrt(parameter.shape[-1])
            parameter.copy_(torch.from_numpy(rng.uniform(-spread, spread, tuple(parameter.shape))))
    return prepare(net, Local())


def _db(inputs: Any, one: Records, attacker: Attacker) -> float:
    found, truth = (shares(rows, attacker.bounds) for rows in (inputs, one.features))
    return float(np.minimum(psnr(found, truth), 300.0)[0])
