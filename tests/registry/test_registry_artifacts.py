"""Files that strangers wrote: told by suffix and first bytes, and read with no more memory than they announce."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from govtool.errors import InputError
from govtool.registry import artifacts, npzfile


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("w.safetensors", b"", "safetensors"),
        ("m.skops", b"", "skops"),
        ("m.onnx", b"", "onnx"),
        ("m.json", b' {"learner": {}}', "xgboost"),
        ("m.ubj", b"{L", "xgboost"),
        ("m.txt", b"tree\nversion=v4\n", "lightgbm"),
        ("s.csv", b"group,row\n", "scores"),
        ("s.npz", b"", "scores"),
        ("m.pkl", b"", "pickle"),
    ],
)
def test_kinds_of_model_files(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert artifacts.kind_of(tmp_path / name) == kind
    assert kind in {found.name for found in artifacts.FORMATS}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.txt", b"dear colleague", "does not hold a LightGBM booster"),
        ("list.json", b"[1]", "does not hold an XGBoost booster"),
        ("model.h5", b"", "unknown kind of model file"),
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        artifacts.kind_of(tmp_path / name)


def archive(shape: str, data: bytes, names: tuple[str, ...] = ("X.npy",)) -> io.BytesIO:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name in names:
            out.writestr(name, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data)
    buffer.seek(0)
    return buffer


def test_an_honest_archive_is_read() -> None:
    found = npzfile.read(archive("(2,)", np.arange(2.0).tobytes()), "s.npz")
    assert found["X"].tolist() == [0, 1]


@pytest.mark.parametrize("shape", ["(1099511627776,)", "(-1, -2)", "(1,)", "(1 << 40,)", "(0,)"])
def test_an_array_that_claims_another_size_takes_no_memory(shape: str) -> None:
    with pytest.raises(InputError, match="not a readable"):
        npzfile.read(archive(shape, bytes(16)), "s.npz")


def test_a_zip_bomb_is_refused_by_what_it_announces() -> None:
    bomb = archive("(1048576,)", bytes(8 << 20))
    assert len(bomb.getvalue()) < 1 << 14
    with pytest.raises(InputError, match="unpack to more than 1 MiB"):
        npzfile.read(bomb, "s.npz", most=1 << 20)
    bomb.seek(0)
    assert npzfile.read(bomb, "s.npz", wanted=["y"], most=1 << 20) == {}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="same name"):
        npzfile.read(archive("(0,)", b"", ("X.npy", "X.npy")), "s.npz")
