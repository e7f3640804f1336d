"""Exported scores as a table: what R writes is read, and what is not in order is refused with its line."""

from typing import Any

import numpy as np
import pytest

from govtool.access import Access
from govtool.audits.targets import scores
from govtool.errors import InputError

R = '"group","row","label","p_0","p_1"\n'
GOOD = R + '"member",1,0,0.9,0.1\n"member",2,1,0.2,0.8\n"nonmember",1,1,0.5,0.5\n'


def test_a_table_that_r_wrote_is_read() -> None:
    found = scores.open_scores(GOOD.encode(), "s.csv")
    assert found.groups["member"].labels.tolist() == [0, 1]
    assert np.allclose(np.exp(found.target.answers), [[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    assert Access.LOGITS not in found.target.access
    assert "population" not in found.groups


def test_columns_in_any_order_windows_lines_a_byte_order_mark_and_logits_from_0() -> None:
    text = "logit_1,label,logit_0,row,group\r\n5,0,2,0,nonmember\r\n1,0,2,0,member\r\n-1,1,3,1,member\r\n\r\n"
    found = scores.open_scores(text.encode("utf-8-sig"), "s.csv")
    assert np.allclose(found.target.answers[0] - found.target.answers[0, 0], [0, -1])
    assert Access.LOGITS in found.target.access


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (GOOD.replace('"member",2', '"member",1'), 3, "row 1 of the members stands where row 2 belongs"),
        (GOOD.replace('"member",2', '"member",3'), 3, "row 3 of the members stands where row 2 belongs"),
        (GOOD.replace('"nonmember",1', '"nonmember",7'), 4, "stands where row 0 or 1 belongs"),
        (GOOD.replace("0.2,0.8", "=1+1,0.8"), 3, "not a number"),
        (GOOD.replace("0.2,0.8", "NA,0.8"), 3, "not a number"),
        (GOOD.replace("0.2,0.8", "0.2"), 3, "4 cells under 5 columns"),
        (GOOD.replace("0.2,0.8", "0.2,0.8,"), 3, "6 cells under 5 columns"),
        (GOOD.replace('"member",2,1', '"member",2,1.0'), 3, "label is not a whole number"),
        (GOOD.replace('"member",2,1', '"member",2,-1'), 3, "label is not a whole number"),
        (GOOD.replace('"nonmember"', '"other"'), 4, "group is not one of"),
        (GOOD.replace(",", ";"), 1, "semicolons"),
        (GOOD.replace('"label"', '"y"'), 1, "no column 'label'"),
        (GOOD.replace('"group"', '"","group"', 1), 1, "unknown column ''"),
        (GOOD.replace("p_1", "p_2"), 1, "one column per class"),
        (GOOD.replace("p_1", "logit_1"), 1, "one column per class"),
        (GOOD.replace("p_1", "p_0"), 1, "same name"),
        ("", 1, "no column 'group'"),
    ],
)
def test_a_bad_line_is_named(text: str, line: int, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        scores.open_scores(text.encode(), "s.csv")
    assert caught.value.where == f"s.csv:{line}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (GOOD.replace("0.9,0.1", "9,0.1").encode(), "do not sum to 1"),
        (GOOD.replace("0.9,0.1", "nan,0.1").encode(), "missing or infinite"),
        (GOOD.replace('"member",2,1', '"member",2,2').encode(), "classes outside 0 to 1"),
        (R.encode(), "exactly one of member_probabilities"),
        (GOOD.replace('"nonmember"', '"' + "x" * 70_000 + '"').encode(), "not a readable CSV table"),
    ],
)
def test_content_that_contradicts_itself_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        scores.open_scores(data, "s.csv")


def test_the_limit_on_cells_is_put_back() -> None:
    import csv

    before = csv.field_size_limit()
    scores.open_scores(GOOD.encode(), "s.csv")
    assert csv.field_size_limit() == before


def test_numbers_of_a_spreadsheet_formula_are_never_computed(tmp_path: Any) -> None:
    with pytest.raises(InputError, match="not a number"):
        scores.open_scores(GOOD.replace("0.9", "=cmd|' /C calc'!A0").encode(), "s.csv")
