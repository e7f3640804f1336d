"""One picture of all reconstructions, each above the mean of its class's training records."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import Figure, FloatArray, Labels
from govtool.attacks.inversion.question import Shape

CELL = 96
"""Pixels: small pictures are enlarged to about this, whole pixels at a time."""
PER_ROW = 10
MOST = 40

_GAP = 8
_TEXT = 22
_MARGIN = 132
_INK = (20, 20, 20)
_COLOURS = 3


@dataclass(frozen=True)
class Montage:
    """A picture of pictures, and where in it they are: what a report blurs, so that labels stay readable."""

    png: bytes
    boxes: tuple[tuple[int, int, int, int], ...]
    """(left, top, width, height) of every cell."""

    def figure(self, name: str, caption: str) -> Figure:
        return Figure(name, caption, self.png, self.boxes)


def draw(upper: FloatArray, lower: FloatArray, labels: Labels, shape: Shape, names: tuple[str, str]) -> Montage:
    """Two (classes, height * width) rows of pictures in 0..1, a column per class, ten columns to a band.

    Shows the first 40 classes. The same arrays give the same bytes.
    """
    from PIL import Image, ImageDraw, ImageFont

    labels = labels[:MOST]
    height, width = (side * max(1, round(CELL / max(shape[1:]))) for side in shape[1:])
    bands = -(-len(labels) // PER_ROW)
    columns = min(PER_ROW, len(labels))
    band = _TEXT + 2 * (height + _GAP) + _GAP
    canvas = Image.new("RGB", (_MARGIN + columns * (width + _GAP) + _GAP, bands * band + _GAP), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=14)
    for top in range(_GAP, bands * band, band):
        for line, name in enumerate(names):
            pen.multiline_text((_GAP, top + _TEXT + line * (height + _GAP) + 4), name, fill=_INK, font=font)
    boxes = []
    for index, label in enumerate(labels):
        left = _MARGIN + (index % PER_ROW) * (width + _GAP)
        top = _GAP + (index // PER_ROW) * band
        pen.text((left, top), f"class {label}", fill=_INK, font=font)
        for line, row in enumerate((upper[index], lower[index])):
            picture = Image.fromarray(_pixels(row, shape)).resize((width, height), Image.Resampling.NEAREST)
            at = (left, top + _TEXT + line * (height + _GAP))
            canvas.paste(picture, at)
            boxes.append((*at, width, height))
            pen.rectangle((at[0] - 1, at[1] - 1, at[0] + width, at[1] + height), outline=(160, 160, 160))
    file = io.BytesIO()
    canvas.save(file, "PNG")
    return Montage(file.getvalue(), tuple(boxes))


def _pixels(row: FloatArray, shape: Shape) -> NDArray[Any]:
    """(height, width) grey levels, or (height, width, 3) where there are three channels; other channels are averaged."""
    picture = np.clip(row, 0, 1).reshape(shape)
    picture = picture.transpose(1, 2, 0) if shape[0] == _COLOURS else picture.mean(axis=0)
    return np.asarray(np.round(picture * 255), dtype=np.uint8)
