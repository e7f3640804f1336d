"""The events of preserved logs as one Ibis table on embedded DuckDB. Detectors know Ibis only, so that they run elsewhere."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from govtool.errors import EvidenceError, InputError, MissingExtraError
from govtool.evidence.vault import Vault
from govtool.incidents.models import LogIngest

MEMORY = "1GB"


@dataclass(frozen=True)
class Engine:
    """A connection, its scratch folder, and the events."""

    connection: Any
    folder: Path
    events: Any
    """Ibis table with the columns of `events.schema()`."""

    def table(self, name: str, columns: Mapping[str, Sequence[Any]]) -> Any:
        """Columns of Python values as an Ibis table, by way of a Parquet file, which every Ibis backend can read."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder / f"{name}.parquet"
        pq.write_table(pa.table(dict(columns)), path)
        return self.connection.read_parquet(str(path))


def distinct_originals(ingests: Sequence[LogIngest]) -> list[LogIngest]:
    """The latest reading of each original: the same bytes ingested twice must not count twice."""
    return list({row.original_sha256: row for row in ingests}.values())


@contextmanager
def open_events(vault: Vault, ingests: Sequence[LogIngest]) -> Iterator[Engine]:
    """The events of these ingests; the digest of every file is checked first.

    Raises:
        InputError: no ingest.
        EvidenceError: a file of events is missing or altered.
        MissingExtraError: the 'logs' extra is not installed.
    """
    if not ingests:
        raise InputError(
            "no log was ingested for this incident",
            hint="govtool incident ingest INCIDENT LOG --source SYSTEM --authority GROUND",
        )
    try:
        import ibis
    except ModuleNotFoundError as error:
        raise MissingExtraError("logs", "detection over inference logs") from error
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        # Ibis 12 reads results through a method that DuckDB 2 has renamed; both work, the notice is for Ibis.
        warnings.filterwarnings("ignore", message=r"fetch_arrow_table\(\) is deprecated", category=DeprecationWarning)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="govtool-")))
        connection = ibis.duckdb.connect(memory_limit=MEMORY, temp_directory=str(folder / "spill"))
        stack.callback(connection.disconnect)
        files = [str(_file(vault, row, folder)) for row in distinct_originals(ingests)]
        yield Engine(connection, folder, connection.read_parquet(files))


def _file(vault: Vault, row: LogIngest, folder: Path) -> Path:
    local = vault.local_path(row.events_sha256)
    if local is not None:
        if not vault.check(row.events_sha256):
            raise EvidenceError(
                f"the events of {row.id} are missing or altered in the vault", hint="govtool evidence verify"
            )
        return local
    copy = folder / f"{row.events_sha256}.parquet"
    with vault.open(row.events_sha256) as source, copy.open("wb") as target:
        copyfileobj(source, target)
    return copy
