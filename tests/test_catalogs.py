"""Every catalogue entry can be explained, cited and found: unique names, one-line summaries, a reference, a document."""

from pathlib import Path

import pytest

from govtool.attacks.catalog import ATTACKS
from govtool.incidents.detectors.catalog import DETECTORS
from govtool.incidents.formats.catalog import FORMATS
from govtool.policy.checks import CHECKS
from govtool.reports.catalog import REPORTS

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "tests" / "samples"
FAMILIES = {
    "membership_inference",
    "model_inversion",
    "attribute_inference",
    "property_inference",
    "data_reconstruction",
    "training_data_extraction",
    "differential_privacy",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_names_its_paper_and_taxonomy(name: str) -> None:
    attack = ATTACKS[name]
    assert attack.name == name
    assert attack.family in FAMILIES
    assert attack.summary
    assert "\n" not in attack.summary
    assert any(year in attack.reference for year in map(str, range(2014, 2027)))
    assert attack.taxonomy.startswith("NISTAML.")
    assert " " in attack.taxonomy, "the id alone says nothing to a reader"


@pytest.mark.parametrize("name", FORMATS)
def test_every_log_format_has_a_sample(name: str) -> None:
    assert FORMATS[name].name == name
    assert list(SAMPLES.rglob(f"{name}*")), f"no sample log for {name}"


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_names_a_technique(name: str) -> None:
    assert DETECTORS[name].name == name
    assert DETECTORS[name].technique.startswith("AML.T")
    assert DETECTORS[name].kind in ("suspicion", "exposure")


def test_every_report_has_a_template() -> None:
    assert {"assessment", "gdpr-article33"} <= set(REPORTS)
    for kind in REPORTS:
        assert (ROOT / "templates" / f"{kind.replace('-', '_')}.html").is_file(), kind


def test_every_policy_check_is_used_or_tested_by_the_shipped_policies() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "policies").glob("*.yaml"))
    assert all(f"type: {name}" in text for name in CHECKS)


def test_nothing_in_the_project_names_a_folder_outside_it() -> None:
    for path in [*ROOT.glob("*.py"), *ROOT.glob("govtool/**/*.py"), *ROOT.glob("docs/*.md"), ROOT / "README.md"]:
        assert "../shared" not in path.read_text(encoding="utf-8"), path
