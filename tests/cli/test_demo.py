"""The demo is the end-to-end test: if any step ends otherwise than the story says, it raises."""

from pathlib import Path

import pytest

from govtool.cli.demo import train
from govtool.errors import InputError


def test_the_demo_refuses_a_folder_with_something_in_it(tmp_path: Path) -> None:
    from govtool.cli.demo.story import tell

    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(InputError, match="not empty"):
        tell(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_the_demo_s_parts_are_disjoint_and_scrambled_alike() -> None:
    parts = train.collections(1)
    assert sum(len(parts[name].labels) for name in train.PARTS) == 1797
    people = [set(parts[name].people) for name in ("train", "holdout")]
    assert not people[0] & people[1]
    changed = [
        (parts[name].labels != parts[f"scrambled-{name}"].labels).mean() for name in ("train", "holdout", "population")
    ]
    assert all(abs(share - train.SCRAMBLED * 0.9) < 0.06 for share in changed)  # one in ten keeps its label by chance


@pytest.mark.slow
def test_the_whole_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from govtool.cli.demo.story import tell

    tell(tmp_path / "demo", timings=tmp_path / "timings.json")
    shown = capsys.readouterr().out
    assert "NO-GO" in shown
    assert "accused: key:" in shown
    assert (tmp_path / "timings.json").is_file()
    assert list((tmp_path / "demo").glob("assessment-*"))
