"""What every audit command says of a run, and the exit code it leaves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from govtool.cli.output import table

if TYPE_CHECKING:
    from govtool.audits.runner import RunSummary


def in_words(done: "RunSummary") -> str:
    from govtool.audits.service import TRIED

    tried = [found for found in done.attacks if found.status in TRIED]
    rows = [[found.attack, found.status, _headline(found.metrics), found.reason] for found in tried]
    lines = [f"run {done.run_id} of {done.target}: {done.status} in {done.duration_s:.1f} s"]
    if rows:
        lines += ["", table(["attack", "status", "figure (95 % interval)", "why"], rows)]
    return "\n".join(lines + untried([found for found in done.attacks if found not in tried]))


def untried(found: Sequence[Any]) -> list[str]:
    """Each reason once, with the attacks that it kept from being made."""
    left = dict[tuple[str, str], list[str]]()
    for one in found:
        left.setdefault((one.status, one.reason), []).append(one.attack)
    rows = [[status, f"{', '.join(names)}: {reason}"] for (status, reason), names in left.items()]
    return ["", table(["not run", "attacks, and why"], rows)] if rows else []


def _headline(metrics: Any) -> str:
    for name in ("epsilon_lower_bound", "balanced_accuracy", "auc", "identification_rate", "excess", *metrics):
        if name in metrics:
            return f"{name} {interval(metrics[name])}"
    return ""


def interval(found: Any) -> str:
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def exit_code(done: "RunSummary") -> int:
    if done.status != "completed":
        return 6
    return 0 if any(found.status == "completed" for found in done.attacks) else 4


def plain(done: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(done)
