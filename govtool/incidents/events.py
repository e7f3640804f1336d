"""The canonical event: one row per readable log line, with its place in the original. Written as Parquet in batches.

Inputs are kept as fingerprints and prompts as digests: features and prompt text stay in the original, where access is
recorded, and are not copied into working files.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from govtool.digest import Sha256
from govtool.errors import MissingExtraError

_BATCH_ROWS = 8192
_BATCH_INPUTS = 100_000


class Event(NamedTuple):
    """What a format reader says about one line. None means that the log does not say it."""

    ts_us: int
    """Microseconds since 1970-01-01T00:00:00Z."""
    ts_raw: str
    principal: str | None
    source_ip: str | None
    user_agent: str | None
    request_id: str | None
    model_name: str | None
    model_version: str | None
    model_sha256: str | None
    endpoint: str | None
    status: int | None
    n_inputs: int | None
    fingerprints: Sequence[str]
    """One per input, in order: of the row's float32 bytes, or of the prompt. Fewer than n_inputs only when truncated."""
    output_kind: str
    """probabilities, logits, label, logprobs, text, or none when nothing was answered or logged."""
    n_outputs: int | None
    payload_state: str
    """full, truncated or absent."""
    prompt_sha256: str | None
    prompt_chars: int | None
    raw_key: bool
    """The log held a credential in clear; only its keyed digest is kept here."""


def schema() -> Any:
    """The declared Parquet schema: never inferred, so a hostile map of keys cannot become a million columns."""
    import pyarrow as pa

    text, integer = pa.string(), pa.int64()
    kinds: dict[str, Any] = dict.fromkeys(Event._fields, text)
    kinds |= dict.fromkeys(("ts_us", "status", "n_inputs", "n_outputs", "prompt_chars"), integer)
    kinds |= {"fingerprints": pa.list_(text), "raw_key": pa.bool_()}
    place = [("original_sha256", text), ("line_no", integer), ("byte_off", integer), ("byte_len", integer)]
    return pa.schema([*place, *kinds.items(), ("duplicate_keys", pa.bool_())])


class Writer:
    """Collects events and writes them in row groups. Use as a context manager; the target is complete afterwards."""

    def __init__(self, target: BinaryIO, original: Sha256) -> None:
        try:
            import pyarrow.parquet as pq
        except ModuleNotFoundError as error:
            raise MissingExtraError("logs", "reading inference logs") from error
        self._schema = schema()
        self._writer = pq.ParquetWriter(target, self._schema, compression="zstd")
        self._original = original
        self._rows: list[tuple[Any, ...]] = []
        self._inputs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, line_no: int, offset: int, length: int, event: Event, *, duplicate_keys: bool) -> None:
        self._rows.append((self._original, line_no, offset, length, *event, duplicate_keys))
        self._inputs += len(event.fingerprints)
        if len(self._rows) >= _BATCH_ROWS or self._inputs >= _BATCH_INPUTS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._rows:
            return
        columns = [
            pa.array(column, kind.type)
            for column, kind in zip(zip(*self._rows, strict=True), self._schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._rows, self._inputs = [], 0
