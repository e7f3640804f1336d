"""What a blurred picture still tells, and what it leaves alone."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from govtool.reports.blur import FIELDS, blurred


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(60, 190), min_size=FIELDS**2, max_size=FIELDS**2), st.integers(2, 12))
def test_only_the_means_of_a_few_fields_are_left(means: list[int], half: int) -> None:
    """Two pictures that agree in every field's mean cannot be told apart once blurred."""
    plain = np.kron(np.reshape(means, (FIELDS, FIELDS)), np.ones((2 * half, 2 * half), int))
    chequered = plain + np.where(np.indices(plain.shape).sum(axis=0) % 2, 40, -40)
    one, other = (opened(blurred(png(rows.astype(np.uint8)), [])).astype(int) for rows in (plain, chequered))
    assert np.abs(one - other).max() <= 2


def test_what_lies_outside_the_boxes_stays_sharp() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60)).astype(np.uint8)
    seen = opened(blurred(png(pixels), [(10, 5, 20, 30)]))
    inside = np.zeros(pixels.shape, dtype=bool)
    inside[5:35, 10:30] = True
    assert (seen[~inside] == pixels[~inside]).all()
    assert seen[inside].std() < pixels[inside].std() / 3


def test_a_picture_without_known_boxes_is_blurred_whole() -> None:
    pixels = np.tile(np.uint8([0, 255]), (30, 15))
    assert np.ptp(opened(blurred(png(pixels), []))) <= 4


def test_colours_are_blurred_too() -> None:
    pixels = np.zeros((30, 30, 3), np.uint8)
    pixels[::2, :, 0] = 200
    seen = np.asarray(Image.open(io.BytesIO(blurred(png(pixels), []))))
    assert np.abs(seen[..., 0].astype(int) - 100).max() <= 2
    assert seen[..., 1:].max() == 0
