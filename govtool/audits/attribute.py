"""What attribute attacks are given beside the records: their columns by number, the comparison of groups, the control."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from govtool import runtime
from govtool.attacks import validity
from govtool.attacks.attribute import planted
from govtool.attacks.interface import Attack, Records, Sensitive
from govtool.audits.sensitive_spec import SensitiveAttribute
from govtool.errors import InputError
from govtool.registry.datafile import numbered

if TYPE_CHECKING:
    from govtool.audits.stage import Stage

FAMILY = "attribute_inference"


def resolve(wanted: Sequence[SensitiveAttribute], records: Records) -> tuple[Sensitive, ...]:
    """The attributes that the spec names, by the numbers of their columns.

    Raises:
        InputError: a column that the records do not have, that two attributes share, or by name where the file gives no names.
    """
    found = tuple(
        Sensitive(one.title, tuple(_number(column, records) for column in one.all_columns), one.named_values, one.bins)
        for one in wanted
    )
    owners: dict[int, str] = {}
    for one in found:
        for column in one.columns:
            if column in owners:
                both = (
                    f"to {one.name} twice" if owners[column] == one.name else f"to {owners[column]} and to {one.name}"
                )
                raise InputError(
                    f"sensitive: column {_called(column, records)} belongs {both}",
                    hint="name each column once; columns that encode one attribute are one group",
                )
            owners[column] = one.name
    return found


def _called(column: int, records: Records) -> str:
    return records.columns[column] if records.columns else str(column)


def _number(column: str | int, records: Records) -> int:
    width = records.features.shape[1]
    if isinstance(column, int):
        if not 0 <= column < width:
            raise InputError(f"sensitive: no column {column}; the records have {width} features, counted from 0")
        return column
    names = records.columns or numbered(width)
    if column in names:
        return names.index(column)
    if not records.columns:
        raise InputError(
            f"sensitive: the members' file names no columns, so {column!r} cannot be found in it",
            hint="give its number, counted from 0, or store an array 'columns' of names in the .npz",
        )
    shown = ", ".join(records.columns[:20]) + (" ..." if len(records.columns) > 20 else "")  # noqa: PLR2004 - a line
    raise InputError(f"sensitive: no column named {column!r} among the members' features", hint=f"known: {shown}")


def obstacle(stage: "Stage") -> tuple[str, str] | None:
    """Why no attribute attack can be run here, as (status, reason). Not asked for unless the spec names the column or the attack."""
    spec = stage.plan.spec
    if not spec.sensitive:
        return (
            "not_requested" if spec.attacks is None else "not_testable",
            "the spec names no sensitive column (write for example: sensitive: [{column: sex}])",
        )
    reason = unfit(stage)
    return ("not_testable", reason) if reason else None


def unfit(stage: "Stage") -> str:
    """Why these records cannot be asked about with other values filled in, or compared with others; '' when they can."""
    if stage.opened.scores is not None:
        return "only exported scores are here, so no record can be asked about with another value filled in"
    if stage.records.population is None:
        return "the spec names no population: without other people's records there is no imputation to compare with"
    if stage.trained_on > validity.MOST_DUPLICATES * len(stage.records.nonmembers):
        return (
            f"{stage.trained_on} of {len(stage.records.nonmembers)} non-members are in the data that the version was "
            f"trained on, so they are no non-members"
        )
    return ""


def compare(stage: "Stage", known: Mapping[str, Any] | None) -> dict[str, Any]:
    """What every attribute attack takes in `params`; `known` is what membership attacks were given, if any were."""
    checked = known["validity"] if known is not None else None
    return {"validity": checked or validity.check(stage.records, runtime.rng(stage.plan.spec.seed, "validity"))}


def control(stage: "Stage", attack: Attack, params: Mapping[str, Any]) -> dict[str, Any]:
    """Attack a model made to leak; what `params["positive_control"]` takes."""
    classes = max(stage.target.n_classes, int(stage.records.labels.max()) + 1, 2)
    rng = runtime.rng(stage.plan.spec.seed, f"{attack.name}-control")
    return planted.control(attack.run, stage.asked, classes, stage.target.access, params, rng)
