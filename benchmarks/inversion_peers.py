"""MIFace of adversarial-robustness-toolbox and govtool on the same model of 40 faces, before the same judges, in one run.

    pip install -e '.[bench]' packaging
    python benchmarks/inversion_peers.py FOLDER [ITERATIONS [TARGET]]     (or GOVTOOL_BENCH_DATA=FOLDER)

Needs orl_faces.npz (see `faces`). MIFace as its own notebook uses it: threshold 1, so that it runs all its ITERATIONS
(10,000), from a grey start, all classes in one call and one batch. Fewer are said so in the table.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from faces import PEOPLE, Faces, load, target
from inversion import Panel, draw
from table import Row, show

from govtool.attacks.interface import Features

DOCUMENTED = 10_000


def mi_face(faces: Faces, module: Any, iterations: int) -> tuple[Features, float]:
    """What the toolbox draws, and its CPU seconds, its import left out."""
    import torch
    from art.attacks.inference.model_inversion import MIFace
    from art.estimators.classification import PyTorchClassifier

    pixels = int(np.prod(faces.shape))
    shown = torch.nn.Sequential(module, torch.nn.Softmax(dim=1))
    estimator = PyTorchClassifier(
        shown, torch.nn.CrossEntropyLoss(), (pixels,), PEOPLE, clip_values=(0.0, 1.0), device_type="cpu"
    )
    attack = MIFace(estimator, max_iter=iterations, threshold=1.0, batch_size=PEOPLE, verbose=False)
    started = time.process_time()
    found = attack.infer(np.full((PEOPLE, pixels), 0.5, np.float32), np.arange(PEOPLE))
    return np.asarray(found, dtype=np.float32), time.process_time() - started


def rows(folder: str | None = None, iterations: int = DOCUMENTED, name: str = "softmax") -> Iterator[Row]:
    folder = folder or os.environ.get("GOVTOOL_BENCH_DATA")
    if not folder:
        return
    faces = load(Path(folder))
    panel, net = Panel.of(faces, range(PEOPLE)), target(faces, name)
    ours, cpu = draw(faces, net.network, PEOPLE)
    yield Row(f"{name}: govtool CPU", cpu, "s", "all 40 at once")
    yield from panel.rows(f"{name}: govtool", ours.inputs)
    theirs, toolbox = mi_face(faces, net.network, iterations)
    used = "its documented use" if iterations == DOCUMENTED else "fewer than its documented 10,000"
    yield Row(f"{name}: MIFace CPU", toolbox, "s", f"{iterations:,} iterations, {used}")
    yield from panel.rows(f"{name}: MIFace", theirs)
    yield Row(f"{name}: MIFace CPU / govtool CPU", toolbox / cpu, "times")


if __name__ == "__main__":
    show(rows(*sys.argv[1:2], *(int(count) for count in sys.argv[2:3]), *sys.argv[3:4]))
