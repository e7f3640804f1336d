"""What an attack answered, in short lines: the questions first, then who says so beside what needs no attack, and what it cost."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from govtool.audits.models import AttackRecord


def in_words(record: "AttackRecord") -> list[str]:
    """Nothing for attacks that answered no question and heard no judges."""
    from govtool.reports.answers import QUESTIONS
    from govtool.reports.inversion_view import price, queries

    detail = record.detail
    lines = []
    for one in detail.get("findings") or ():
        lines += [f"  {one['verdict']}: {QUESTIONS.get(one['question'], one['question'])}", f"    {one['reason']}"]
    lines += [f"  judge {one['name']}: {_said(one)}" for one in detail.get("evaluators") or ()]
    panel = detail.get("panel") or {}
    if top := panel.get("top_five"):
        lines.append(
            f"  among the first five of the median judge: {_share(top)}; by chance {panel['top_five_chance']:.1%}"
        )
    lines += [
        f"  line-up by {one['space']}: {_share(one['whole_gallery'])}, p = {one['p_value']:.2g}"
        for one in detail.get("line_ups") or ()
    ]
    lines += [
        f"  like training records, {one['row']}: {_plain(one['ssim'], 3)} SSIM, {_plain(one['psnr'], 1)} dB"
        for one in detail.get("resemblance") or ()
    ]
    if bill := detail.get("query_ledger"):
        lines += [f"  queries: {queries(bill)}", f"  price: {price(bill)}"]
    return lines


def _said(judge: dict[str, Any]) -> str:
    left_out = f"; not heard: it {judge['excluded']}" if judge["excluded"] else ""
    return f"names {_share(judge['rate'])}; of real records {_share(judge['real_accuracy'])}{left_out}"


def _share(found: dict[str, Any]) -> str:
    return f"{found['value']:.1%} ({found['low']:.1%} to {found['high']:.1%}, n = {found['n']})"


def _plain(found: dict[str, Any], digits: int) -> str:
    return f"{found['value']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"
