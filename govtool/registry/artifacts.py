"""The kinds of model file there are, told by their suffix and, where a suffix says little, by their first bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from govtool.errors import InputError

_HEAD = 4096


@dataclass(frozen=True)
class Format:
    """A kind of artifact. `opens` is what the file must begin with, where anything at all could have that suffix."""

    name: str
    suffixes: tuple[str, ...]
    holds: str
    opens: tuple[bytes, ...] = ()


FORMATS = (
    Format("safetensors", (".safetensors",), "weights of a torch model, with --factory"),
    Format("skops", (".skops",), "a scikit-learn model"),
    Format("onnx", (".onnx",), "an ONNX graph"),
    Format("xgboost", (".json", ".ubj"), "an XGBoost booster", (b"{",)),
    Format("lightgbm", (".txt",), "a LightGBM booster", (b"tree\n", b"tree\r\n")),
    Format("scores", (".npz", ".csv"), "answers that somebody exported"),
    Format("pickle", (".pkl", ".pickle"), "anything, with --trust-pickle: loading it runs its code"),
)
BY_SUFFIX: Mapping[str, Format] = {suffix: found for found in FORMATS for suffix in found.suffixes}
KNOWN = ", ".join(f"{'/'.join(found.suffixes)} ({found.holds})" for found in FORMATS)


def kind_of(artifact: Path) -> str:
    """The name of the format of this file.

    Raises:
        InputError: no known suffix, or content that its suffix does not promise.
    """
    found = BY_SUFFIX.get(artifact.suffix)
    if found is None:
        raise InputError(f"{artifact}: unknown kind of model file", hint=f"known: {', '.join(BY_SUFFIX)}")
    if found.opens and artifact.is_file() and not _head(artifact).lstrip().startswith(found.opens):
        raise InputError(
            f"{artifact}: this {artifact.suffix} file does not hold {found.holds}",
            hint="save the booster itself: Booster.save_model(path)",
        )
    return found.name


def _head(artifact: Path) -> bytes:
    try:
        with artifact.open("rb") as stream:
            return stream.read(_HEAD)
    except OSError as error:
        raise InputError(f"{artifact} cannot be read: {error.strerror}") from error
