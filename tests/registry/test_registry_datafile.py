"""Reading records: what is read is what stands there, and what cannot be read is refused with its place."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from govtool.digest import Sha256, sha256_file
from govtool.errors import EvidenceError, InputError
from govtool.registry import datafile
from govtool.registry.datafile import read_table


def npz(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "data.npz", **arrays)  # type: ignore[arg-type]
    return folder / "data.npz"


def text(folder: Path, content: str, encoding: str = "utf-8") -> Path:
    (folder / "data.csv").write_text(content, encoding=encoding)
    return folder / "data.csv"


def test_npz_arrays_become_a_table(tmp_path: Path) -> None:
    path = npz(tmp_path, X=np.arange(24.0).reshape(3, 2, 4), y=np.array([0, 1, 2]), who=np.array(["a", "b", "a"]))
    table = read_table(path, label="y", subject="who")
    assert (len(table), table.features.shape, table.features.dtype) == (3, (3, 8), np.float32)
    assert table.labels is not None
    assert table.subjects is not None
    assert (table.labels.tolist(), table.subjects.tolist()) == ([0, 1, 2], ["a", "b", "a"])


def test_csv_columns_become_a_table(tmp_path: Path) -> None:
    table = read_table(
        text(tmp_path, "age,risk,ward,who\n41,0.5,1,p1\n7,-2e3,0,p2\n", "utf-8-sig"), label="ward", subject="who"
    )
    assert table.features.tolist() == [[41.0, 0.5], [7.0, -2000.0]]
    assert table.labels is not None
    assert table.subjects is not None
    assert (table.labels.tolist(), table.subjects.tolist()) == ([1, 0], ["p1", "p2"])


def test_without_label_and_subject_there_is_none(tmp_path: Path) -> None:
    table = read_table(text(tmp_path, "a\n1\n"))
    assert (table.labels, table.subjects) == (None, None)


def test_a_file_other_than_the_registered_one_is_not_evidence(tmp_path: Path) -> None:
    path = text(tmp_path, "a\n1\n")
    assert len(read_table(path, expect=sha256_file(path))) == 1
    with pytest.raises(EvidenceError, match="not the registered dataset"):
        read_table(path, expect=Sha256("0" * 64))


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("a,b\n1,2\n3,\n", 3, "empty or not a number"),
        ("a,b\n1,2\n3\n", 3, "empty or not a number"),
        ("a,b\n1,x\n", 2, "empty or not a number"),
        ("a,b\n1,2,3\n", 2, "more cells"),
        ("a,a\n1,2\n", 1, "same name"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: str, line: int, words: str) -> None:
    path = text(tmp_path, content)
    with pytest.raises(InputError, match=words) as caught:
        read_table(path)
    assert caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize("label", ["1.5", "", "99999999999999999999", "ward"])
def test_a_label_that_is_no_class_number_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(InputError, match="not a number"):
        read_table(text(tmp_path, f"a,y\n1,{label}\n"), label="y")


@pytest.mark.parametrize("content", ["", "a,y\n", "y\n1\n", "a,y\nnan,1\n", "a,y\ninf,1\n", "a,y\n1e39,1\n"])
def test_nothing_and_what_is_not_finite_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError):
        read_table(text(tmp_path, content), label="y")


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'who'"):
        read_table(text(tmp_path, "a\n1\n"), subject="who")
    with pytest.raises(InputError, match="'who'"):
        read_table(npz(tmp_path, X=np.ones((2, 2))), subject="who")
    with pytest.raises(InputError, match="'X'"):
        read_table(npz(tmp_path, Y=np.ones((2, 2))))


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="UTF-8"):
        read_table(text(tmp_path, "é\n1\n", "latin-1"))


@pytest.mark.parametrize(
    "arrays",
    [
        {"X": np.ones((3, 2)), "y": np.zeros(2)},
        {"X": np.ones((3, 2)), "y": np.array([0.0, 0.5, 1.0])},
        {"X": np.ones((3, 2)), "y": np.array([0.0, np.nan, 1.0])},
        {"X": np.ones((3, 2)), "y": np.zeros((3, 2))},
        {"X": np.ones((3, 2)), "y": np.array(["a", "b", "c"])},
        {"X": np.ones((3, 2)), "y": np.array([0.0, 1.0, 1e300])},
        {"X": np.ones((3, 2)), "y": np.float64(3)},
        {"X": np.float64(3), "y": np.zeros(1)},
        {"X": np.array(["a", "b"]), "y": np.zeros(2)},
        {"X": np.ones((0, 2)), "y": np.zeros(0)},
        {"X": np.ones((2, 0)), "y": np.zeros(2)},
        {"X": np.full((2, 2), 1e300), "y": np.zeros(2)},
        {"X": np.full((2, 2), np.nan), "y": np.zeros(2)},
    ],
)
def test_arrays_that_make_no_table_are_refused(tmp_path: Path, arrays: dict[str, object]) -> None:
    with pytest.raises(InputError):
        read_table(npz(tmp_path, **arrays), label="y")


def test_whole_numbers_kept_as_floats_are_labels(tmp_path: Path) -> None:
    labels = read_table(npz(tmp_path, X=np.ones((2, 2)), y=np.array([0.0, 4.0])), label="y").labels
    assert labels is not None
    assert labels.tolist() == [0, 4]


def test_objects_that_would_need_pickle_are_never_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a readable"):
        read_table(npz(tmp_path, X=np.array([[{}]], dtype=object)))


def damaged_archives(folder: Path) -> list[bytes]:
    whole = npz(folder, X=np.random.default_rng(1).normal(size=(40, 5))).read_bytes()
    np.savez_compressed(folder / "c.npz", X=np.ones((400, 5)))
    packed = bytearray((folder / "c.npz").read_bytes())
    packed[60:90] = b"\xff" * 30
    np.save(folder / "one.npy", np.ones((2, 2)))
    return [b"", b"PK\x03\x04", whole[:50], whole[:-30], bytes(packed), (folder / "one.npy").read_bytes(), b"junk"]


@pytest.mark.parametrize("which", range(7))
def test_a_damaged_archive_is_the_users_mistake_and_no_crash(tmp_path: Path, which: int) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(damaged_archives(tmp_path)[which])
    with pytest.raises(InputError):
        read_table(path)


def test_an_archive_with_other_files_than_arrays_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("X", "not an array")
    with pytest.raises(InputError):
        read_table(tmp_path / "x.npz")


def test_absent_files_folders_and_unknown_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name, words in {
        "absent.csv": "no such file",
        "folder.csv": "no such file",
        "data.parquet": "unknown kind",
    }.items():
        with pytest.raises(InputError, match=words):
            read_table(tmp_path / name)


@pytest.mark.parametrize("kind", ["npz", "csv"])
@pytest.mark.parametrize("replaced", [True, False])
def test_records_are_those_of_the_digest_even_when_the_file_changes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, replaced: bool
) -> None:
    """The race: whoever can write the file swaps it between the check of its digest and the reading of its records."""
    path, other = tmp_path / f"data.{kind}", tmp_path / f"other.{kind}"
    if kind == "npz":
        np.savez(path, X=np.zeros((3, 2), np.float32))
        np.savez(other, X=np.full((3, 2), 9, np.float32))
    else:
        path.write_text("a,b\n0,0\n0,0\n0,0\n")
        other.write_text("a,b\n9,9\n9,9\n9,9\n")
    expect = sha256_file(path)
    reader = getattr(datafile, f"_read_{kind}")

    def racing(*given: object) -> object:
        if replaced:
            other.replace(path)
        else:
            path.write_bytes(other.read_bytes())
        return reader(*given)

    monkeypatch.setattr(datafile, f"_read_{kind}", racing)
    assert read_table(path, expect=expect).features.tolist() == [[0.0, 0.0]] * 3
    with pytest.raises(EvidenceError):
        read_table(path, expect=expect)


def test_a_large_file_is_read_from_a_copy_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datafile, "_IN_MEMORY", 10)
    assert read_table(npz(tmp_path, X=np.eye(3))).features.tolist() == np.eye(3).tolist()
    assert read_table(text(tmp_path, "a,b\n1,2\n3,4\n")).features.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_labels_of_a_regression_are_any_numbers(tmp_path: Path, suffix: str) -> None:
    if suffix == "csv":
        path = text(tmp_path, "a,days\n1,2.5\n2,-3\n")
    else:
        path = npz(tmp_path, X=np.array([[1.0], [2.0]]), days=np.array([2.5, -3.0]))
    table = read_table(path, label="days", regression=True)
    assert table.labels is None
    assert table.values is not None
    assert table.values.tolist() == [2.5, -3.0]
    with pytest.raises(InputError):
        read_table(path, label="days")


@pytest.mark.parametrize("label", ["nan", "inf", "", "x"])
def test_a_label_that_is_no_number_is_refused_for_a_regression_too(tmp_path: Path, label: str) -> None:
    with pytest.raises(InputError, match="number"):
        read_table(text(tmp_path, f"a,days\n1,{label}\n"), label="days", regression=True)
