"""Defences of a deployment that touch its answers alone, each with what an attacker who knows of it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from govtool.attacks import degraded
from govtool.attacks.defences.adaptive import Averaged, Completed, Sharpened
from govtool.attacks.interface import FloatArray, Target

AS_SHOWN = "as shown"


@dataclass(frozen=True)
class Defended:
    """A model behind a defence, as an attacker meets it and as one who knows of the defence reads it."""

    defence: str
    setting: str
    target: Target
    adapted: Mapping[str, Target] = field(default_factory=dict)
    """How the attacker reads the answers, in words, and the target that results; none where only labels are left."""


Measure = Callable[[Target, float, FloatArray], Defended]
"""(the model, the setting, spread of each feature) -> the model behind the defence."""


def nothing(target: Target) -> Defended:
    return Defended("none", "", target, {AS_SHOWN: target})


def _rounding(target: Target, setting: float, _spread: FloatArray) -> Defended:
    decimals = int(setting)
    shown = degraded.Rounded(target, decimals)
    return Defended("rounding", f"to {decimals} decimal{'s' if decimals != 1 else ''}", shown, {AS_SHOWN: shown})


def _top_k(target: Target, setting: float, _spread: FloatArray) -> Defended:
    k = int(setting)
    shown = degraded.TopK(target, k)
    return Defended(
        "top_k", f"{k} best score{'s' if k != 1 else ''}", shown, {"with the rest spread evenly": Completed(shown)}
    )


def _labels(target: Target, _setting: float, _spread: FloatArray) -> Defended:
    return Defended("labels", "the class alone", degraded.LabelsOnly(target))


def _noise(target: Target, setting: float, spread: FloatArray) -> Defended:
    shown = degraded.Noisy(target, setting)
    averaged = Averaged(shown, spread)
    how = f"averaged over {averaged.copies} copies"
    return Defended("noise", f"spread {setting:g}", shown, {AS_SHOWN: shown, how: averaged})


def _temperature(target: Target, setting: float, _spread: FloatArray) -> Defended:
    shown = degraded.Tempered(target, setting)
    adapted: dict[str, Target] = {AS_SHOWN: shown, "with the temperature taken back": Sharpened(shown, setting)}
    return Defended("temperature", f"{setting:g}", shown, adapted)


MEASURES: dict[str, Measure] = {
    "rounding": _rounding,
    "top_k": _top_k,
    "labels": _labels,
    "noise": _noise,
    "temperature": _temperature,
}
