"""Training functions for the cluster tests: they say that they ran, and may take their worker down with them."""

import os
import signal
from pathlib import Path
from typing import Any

from sklearn.tree import DecisionTreeClassifier


def tree(features: Any, labels: Any, seed: int, *, log: str, auditor: int, deaths: int = 0, after: int = 0) -> Any:
    """Up to `deaths` workers die here once `after` trainings were finished, half-way through the work."""
    folder = Path(log)
    if os.getpid() != auditor and len(list(folder.glob("trained-*"))) >= after:
        for number in range(deaths):
            try:
                (folder / f"death-{number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
    model = DecisionTreeClassifier(max_depth=4, random_state=seed).fit(features, labels)
    (folder / f"trained-{seed}-{os.getpid()}-{os.urandom(4).hex()}").touch()
    return model
