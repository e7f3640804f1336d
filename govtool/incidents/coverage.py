"""What a log cannot show: unreadable lines, absent payloads, failures, gaps, clocks that went backwards.

A log is only as good as the logger; sampling, suppression and expiry leave no line behind. So every ingest carries this
statement, and unknown is never written as zero.
"""

from array import array
from collections import Counter
from typing import Any

import numpy as np

from govtool.digest import rfc3339
from govtool.incidents.events import Event
from govtool.incidents.formats.interface import from_us

GAP_MULTIPLE = 100
"""A silence longer than this many median intervals is listed ..."""
GAP_FLOOR_S = 60.0
"""... if it is also longer than this."""
_SHOWN = 20
_OK = 200


class Coverage:
    """Counts while the log is read once. Keeps eight bytes per event (its instant), nothing else that grows."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.n_events = self.n_blank = 0
        self._times = array("q")
        self._counts: Counter[str] = Counter()
        self._duplicate_lines: list[int] = []

    @property
    def n_unreadable(self) -> int:
        return self.reasons.total()

    @property
    def n_lines(self) -> int:
        return self.n_events + self.n_unreadable + self.n_blank

    def unreadable(self, reason: str) -> None:
        self.reasons[reason.partition(": line ")[0]] += 1  # the parser's position stays in the list of lines

    def event(self, line_no: int, event: Event, *, duplicate_keys: bool) -> None:
        self.n_events += 1
        if self._times and event.ts_us < self._times[-1]:
            self._counts["backwards"] += 1
        self._times.append(event.ts_us)
        self._counts[event.payload_state] += 1
        self._counts["raw_keys"] += event.raw_key
        self._counts["no_principal"] += event.principal is None
        self._counts["no_model_digest"] += event.model_sha256 is None
        self._counts["status_unknown"] += event.status is None
        self._counts["failed"] += event.status not in (None, _OK)
        if duplicate_keys:
            self._counts["duplicate_keys"] += 1
            if len(self._duplicate_lines) < _SHOWN:
                self._duplicate_lines.append(line_no)

    @property
    def span(self) -> tuple[int, int] | None:
        """Earliest and latest event in microseconds; None without events."""
        return (min(self._times), max(self._times)) if self._times else None

    def statement(self, *, compression: str, problem: str, now_us: int) -> dict[str, Any]:
        """The coverage record, JSON-able. Shares are None where there is nothing to take a share of."""
        count, span = self._counts, self.span
        with_status = self.n_events - count["status_unknown"]
        return {
            "compression": compression,
            "offsets": "inflated bytes" if compression != "none" else "bytes of the original",
            "stopped": problem or None,
            "unreadable_share": _share(self.n_unreadable, self.n_unreadable + self.n_events),
            "unreadable_reasons": dict(self.reasons.most_common()),
            "payload_absent_share": _share(count["absent"], self.n_events),
            "payload_truncated": count["truncated"],
            "status_unknown": count["status_unknown"],
            "non_200_share": _share(count["failed"], with_status),
            "principal_unknown": count["no_principal"],
            "model_digest_unknown": count["no_model_digest"],
            "credentials_in_clear": count["raw_keys"],
            "duplicate_keys": {"count": count["duplicate_keys"], "first_lines": self._duplicate_lines},
            "earliest": rfc3339(from_us(span[0])) if span else None,
            "latest": rfc3339(from_us(span[1])) if span else None,
            "clock_backwards": count["backwards"],
            "in_the_future": sum(1 for at in self._times if at > now_us),
            "gaps": _gaps(self._times),
            "sampling": "unknown: the log does not say whether every request was logged",
        }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _gaps(times: "array[int]") -> dict[str, Any]:
    """Silences far longer than usual. Night and weekends look the same as lost lines; the reader must judge."""
    if len(times) < 3:  # noqa: PLR2004 - one interval is its own median
        return {"median_s": None, "threshold_s": None, "count": None, "largest": []}
    ordered = np.sort(np.frombuffer(times, np.int64))
    steps = np.diff(ordered)
    median = float(np.median(steps)) / 1e6
    threshold = max(GAP_MULTIPLE * median, GAP_FLOOR_S)
    wide = np.flatnonzero(steps > threshold * 1e6)
    largest = wide[np.argsort(-steps[wide], kind="stable")][:10]
    return {
        "median_s": median,
        "threshold_s": threshold,
        "count": len(wide),
        "largest": [
            {
                "from": rfc3339(from_us(int(ordered[i]))),
                "to": rfc3339(from_us(int(ordered[i + 1]))),
                "seconds": float(steps[i]) / 1e6,
            }
            for i in largest
        ],
    }
