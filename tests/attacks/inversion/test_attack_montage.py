import io

import numpy as np
import pytest
from PIL import Image

from govtool.attacks.inversion import montage

NAMES = ("above", "below")


def opened(classes: int, shape: tuple[int, int, int] = (1, 8, 8)) -> Image.Image:
    pixels = shape[1] * shape[2]
    upper, lower = np.zeros((classes, pixels)), np.ones((classes, pixels))
    return Image.open(io.BytesIO(montage.draw(upper, lower, np.arange(classes), shape, NAMES).png))


def cell(picture: Image.Image, column: int, line: int) -> tuple[int, ...]:
    left = montage._MARGIN + column * (96 + montage._GAP)
    top = montage._GAP + montage._TEXT + line * (96 + montage._GAP)
    return picture.getpixel((left + 48, top + 48))


def test_reconstructions_stand_above_means() -> None:
    picture = opened(3)
    for column in range(3):
        assert cell(picture, column, 0) == (0, 0, 0)
        assert cell(picture, column, 1) == (255, 255, 255)


def test_pixels_are_enlarged_whole() -> None:
    half = np.tile([0.0] * 4 + [1.0] * 4, 8)[None]
    picture = Image.open(io.BytesIO(montage.draw(half, half, np.array([0]), (1, 8, 8), NAMES).png))
    top, left = montage._GAP + montage._TEXT + 40, montage._MARGIN
    assert [picture.getpixel((left + x, top))[0] for x in (0, 47, 48, 95)] == [0, 0, 255, 255]


@pytest.mark.parametrize(("classes", "bands"), [(1, 1), (10, 1), (11, 2), (40, 4), (60, 4)])
def test_ten_classes_to_a_band_and_four_bands_at_most(classes: int, bands: int) -> None:
    assert opened(classes).height == pytest.approx(bands * 238, abs=8)


def test_each_column_is_labelled() -> None:
    picture = np.asarray(opened(2).convert("L"))
    for column in range(2):
        left = montage._MARGIN + column * (96 + montage._GAP)
        assert picture[montage._GAP : montage._GAP + montage._TEXT - 2, left : left + 60].min() < 100


def test_large_pictures_keep_their_size() -> None:
    assert opened(1, (1, 112, 92)).height == pytest.approx(2 * 112 + 46, abs=12)


def test_the_same_arrays_give_the_same_bytes() -> None:
    rows = np.random.default_rng(0).random((2, 64))
    one, other = (montage.draw(rows, rows, np.arange(2), (1, 8, 8), NAMES) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(("classes", "shape"), [(3, (1, 8, 8)), (13, (3, 20, 12)), (50, (1, 112, 92))])
def test_the_boxes_are_the_pictures_and_nothing_else(classes: int, shape: tuple[int, int, int]) -> None:
    """What is black lies in a box, and nothing in a box is anything else: labels and frames stay outside."""
    black = np.zeros((classes, int(np.prod(shape))))
    white = np.ones_like(black)
    drawn, blank = (montage.draw(rows, rows, np.arange(classes), shape, NAMES) for rows in (black, white))
    assert drawn.boxes == blank.boxes
    assert len(drawn.boxes) == 2 * min(classes, montage.MOST)
    one, other = (np.asarray(Image.open(io.BytesIO(each.png)).convert("L")) for each in (drawn, blank))
    inside = np.zeros(one.shape, dtype=bool)
    for left, top, width, height in drawn.boxes:
        inside[top : top + height, left : left + width] = True
    assert ((one != other) == inside).all()
    assert drawn.figure("name", "what it shows").boxes == drawn.boxes
