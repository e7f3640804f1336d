"""Names of features: from the header, from an array of text, or none."""

from pathlib import Path

import numpy as np
import pytest

from govtool.errors import InputError
from govtool.registry.datafile import read_table

X, Y = np.tile([1.0, 2.0], (3, 1)), np.array([0, 1, 0])


def test_a_header_names_the_features_without_label_and_subject(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("age,who,sex,y\n1,p,0,1\n2,q,1,0\n")
    assert read_table(tmp_path / "a.csv", label="y", subject="who").columns == ("age", "sex")


def test_an_array_of_text_names_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=Y, columns=np.array(["age", "sex"]))
    table = read_table(tmp_path / "a.npz", label="y")
    assert table.columns == ("age", "sex")
    assert table.features.tolist() == X.tolist()


@pytest.mark.parametrize("names", [None, np.arange(2), np.array(["age", "sex"], dtype=object)])
def test_arrays_without_plain_names_have_none(tmp_path: Path, names: np.ndarray | None) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=Y, **({} if names is None else {"columns": names}))
    table = read_table(tmp_path / "a.npz", label="y")
    assert table.columns == ()
    assert table.names == ("x0", "x1")


@pytest.mark.parametrize("names", [["age"], ["age", "age"], ["a", "b", "c"]])
def test_names_that_do_not_fit_are_refused(tmp_path: Path, names: list[str]) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=Y, columns=np.array(names))
    with pytest.raises(InputError, match="name each of the 2 features once"):
        read_table(tmp_path / "a.npz", label="y")


def test_a_label_called_columns_is_a_label(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=X, columns=Y)
    assert read_table(tmp_path / "a.npz", label="columns").labels is not None
