"""Pictures of people as a report shows them unless told otherwise: so coarse that nobody can be made out.

A mosaic can be matched to photographs by a machine that learnt mosaics (McPherson, Shokri & Shmatikov 2016, arXiv 1609.00408),
so what is left of a picture here is its mean brightness in a few fields: less than such an attack needs, and
no more than the shape of the result.
"""

import io
from collections.abc import Sequence

FIELDS = 3
"""A blurred picture is made of so many fields along its longer side."""

Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels."""


def blurred(png: bytes, boxes: Sequence[Box]) -> bytes:
    """The PNG with each box coarsened; all of it where no box is known. Names and frames outside the boxes stay sharp."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as opened:
        picture = opened.convert("RGB")
    for left, top, width, height in boxes or [(0, 0, *picture.size)]:
        area = (left, top, left + width, top + height)
        longer = max(width, height)
        few = (max(1, round(FIELDS * width / longer)), max(1, round(FIELDS * height / longer)))
        coarse = picture.crop(area).resize(few, Image.Resampling.BOX)
        picture.paste(coarse.resize((width, height), Image.Resampling.BICUBIC), area)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
