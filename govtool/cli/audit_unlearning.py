"""What `govtool audit unlearning` was asked, and its answer in words."""

from typing import TYPE_CHECKING, Any

from govtool.cli.output import table

if TYPE_CHECKING:
    from govtool.audits.models import AttackRecord
    from govtool.audits.spec import DatasetRows
    from govtool.audits.unlearning_spec import UnlearningSpec

_WORDS = {
    "forgotten": "Forgotten: the model answers about the forget set as one retrained without it, within the margin.",
    "not_forgotten": "NOT FORGOTTEN: the forget set is still recognised, more than in a model retrained without it.",
    "overshot": "NOT FORGOTTEN: the forget set stands out by being less known than to a model that never met it; who looks "
    "for that recognises it.",
    "leakage_raised": "LEAKAGE RAISED: unlearning laid the retained records more open than retraining does.",
    "blind": "Undecided.",
    "undecided": "Undecided.",
}


def asked(
    data: bytes, name: str, forget: str | None, rows: str, retrained: str | None
) -> "tuple[UnlearningSpec, bytes]":
    """The spec with what the command line adds to it, and the bytes that are kept as evidence of what was asked.

    Raises:
        InputError: the spec is not understood, or it and the command line both say what was to be forgotten.
    """
    import json

    from govtool.audits import unlearning_spec
    from govtool.audits.unlearning import MEMBERSHIP_ATTACKS
    from govtool.errors import InputError

    spec = unlearning_spec.parse(data, name, MEMBERSHIP_ATTACKS) if data else unlearning_spec.UnlearningSpec()
    if rows != ":" and not forget:
        raise InputError("--rows belongs to --forget", hint="in a spec: forget: {dataset: NAME@VERSION, rows: 'A:B'}")
    for said, option in ((spec.forget and forget, "forget"), (spec.retrained and retrained, "retrained")):
        if said:
            raise InputError(f"both the spec and --{option} name it", hint="say it once")
    given: dict[str, Any] = {"retrained": retrained} if retrained else {}
    if forget:
        given["forget"] = [_rows(forget, rows)]
    if given:
        words = {"forget": forget, "rows": rows, "retrained": retrained}
        data += f"# on the command line: {json.dumps(words)}\n".encode()
    return spec.model_copy(update=given), data


def _rows(dataset: str, rows: str) -> "DatasetRows":
    from pydantic import ValidationError

    from govtool.audits.spec import DatasetRows
    from govtool.errors import InputError

    try:
        return DatasetRows(dataset=dataset, rows=rows)
    except ValidationError as error:
        raise InputError(f"--forget: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error


def exit_code(row: "AttackRecord") -> int:
    """0 forgotten, 3 not forgotten or leakage raised, 4 not decided."""
    match row.detail.get("finding"):
        case "forgotten":
            return 0
        case "not_forgotten" | "overshot" | "leakage_raised":
            return 3
        case _:
            return 4


def in_words(row: "AttackRecord") -> str:
    """The finding, how each attack came to it, what more records would do, and what must be said beside it."""
    if row.status != "completed":
        return f"run {row.run_id}: undecided, because nothing could be measured: {row.reason}"
    margin = row.detail["margin"]
    lines = [f"run {row.run_id}: {_WORDS[row.detail['finding']]}", ""]
    headers = ["attack", "before", "after", "retrained", f"after - retrained (margin {margin:g})", "finding"]
    lines.append(table(headers, [_line(row, name, found) for name, found in row.detail["attacks"].items()]))
    useful = row.metrics["utility_difference"]
    lines += [
        "",
        (
            f"accuracy on records that no model was trained on: after {row.metrics['accuracy_after']['value']:.3f}, "
            f"retrained {row.metrics['accuracy_retrained']['value']:.3f}, difference {_interval(useful)}"
        ),
        *(
            outlook(name, found["needed"])
            for name, found in row.detail["attacks"].items()
            if found["finding"] == "undecided"
        ),
        *(f"caveat: {caveat}" for caveat in row.caveats),
    ]
    return "\n".join(lines)


def outlook(name: str, needed: int | None) -> str:
    if needed is None:
        return (
            f"{name}: the difference lies so close to the margin that no reasonable number of records would settle it"
        )
    return f"{name}: about {needed:,} records of each kind would settle it if the difference stays as it is"


def _line(row: "AttackRecord", name: str, found: dict[str, Any]) -> list[str]:
    areas = [f"{row.metrics[f'{name}_auc_{model}']['value']:.3f}" for model in ("before", "after", "retrained")]
    return [name, *areas, _interval(row.metrics[f"{name}_difference"]), found["finding"].replace("_", " ")]


def _interval(found: dict[str, Any]) -> str:
    return f"{found['value']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"
