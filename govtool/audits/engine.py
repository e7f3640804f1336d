"""Where reference models are trained and kept; chosen by the person who runs the audit, and of no influence on figures."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from govtool.audits.fanout import LOCAL, Cluster
from govtool.audits.reference_cache import ReferenceCache
from govtool.errors import InputError

FOLDER = "references"


@dataclass(frozen=True)
class Engine:
    """`cache` holds finished references, and the same folder the arrays that attacks read while a run lasts."""

    cache: ReferenceCache
    cluster: Cluster = LOCAL

    @property
    def workers(self) -> int:
        """Processes on this machine."""
        try:
            import joblib
        except ModuleNotFoundError:
            return 1
        return int(joblib.cpu_count())


@contextmanager
def opened(cache: Path | None, cluster: Cluster = LOCAL) -> Iterator[Engine]:
    """An engine whose cache lies in `cache`; without one, in a folder that goes when the run ends.

    Raises:
        InputError: the folder is a file.
    """
    if cache is not None and cache.exists() and not cache.is_dir():
        raise InputError(f"{cache} is a file, not a folder", hint="name a folder: cache_dir in govtool.toml")
    if cache is not None:
        kept = ReferenceCache(cache / FOLDER)
        kept.tidy()
        yield Engine(kept, cluster)
        return
    with tempfile.TemporaryDirectory(prefix="govtool-") as folder:
        yield Engine(ReferenceCache(Path(folder)), cluster)
