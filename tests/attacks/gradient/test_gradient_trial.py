"""The whole trial: a leak is found and told, a quiet client is not accused, and a line-up is fair to who guesses."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gradient_worlds import BOUNDS, CLASSES, PIXELS, SIDE, attacker, dense, digits, sent, smooth_conv, some
from scipy.stats import hypergeom

from govtool.attacks.gradient import planted, result, scoring, trial
from govtool.attacks.gradient.attacker import Attempt, GradientAttack
from govtool.attacks.gradient.catalog import GRADIENT_ATTACKS
from govtool.attacks.gradient.marking import Design
from govtool.attacks.gradient.update import Local, prepare
from govtool.attacks.interface import AttackResult, NotTestable, Records

READ = {"first_layer": GRADIENT_ATTACKS["first_layer"]}
USUAL = {name: one for name, one in GRADIENT_ATTACKS.items() if one.by_default}


def simulate(net: Any, design: Design, attacks: Any = None, records: Records | None = None, **given: Any) -> Any:
    rng, who = np.random.default_rng(3), given.pop("who", attacker())
    records = some(0, 200) if records is None else records
    return trial.simulated(net, records, who, CLASSES, design, attacks or READ, rng, **given)


def verdict(found: AttackResult) -> str:
    return str(found.detail["findings"][0]["verdict"])


def test_single_records_through_a_dense_layer_all_come_out() -> None:
    found = simulate(dense(), Design(12, 1, Local()), USUAL)
    assert verdict(found) == "FAIL"
    assert found.metrics["updates_exposed"].value == 1
    assert found.metrics["records_recovered"].method == "Clopper-Pearson"
    assert found.detail["positive_control"]["passed"]
    about = found.detail["gradients"]
    assert about["labels_right"] == 1
    assert about["untried"]["idlg"] == {"the first layer had given every record away already": 12}
    nearest = about["baselines"]["nearest_other"]["median"]
    assert 10 < nearest < 25 < about["attacks"][0]["psnr"]["median"]
    assert not [name for name in found.arrays if name.startswith("drawn")], "pictures only where they are asked for"
    json.dumps(found.detail, allow_nan=False)


def guess(scene: Any) -> Attempt:
    return Attempt(scene.rng.random((scene.update.size, PIXELS)).astype(np.float32), 1.0)


GUESS = {"first_layer": READ["first_layer"], "guess": GradientAttack("guess", "", "", guess, searches=True)}
QUIET = {"attacks": GUESS, "who": attacker(most=16)}
"""A search that finds nothing, for nets whose sigmoids mix sixteen records in every unit."""


def silent() -> Any:
    """A net whose first layer never turns on: its update says nothing of the record."""
    net = dense()
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.fill_(-1)
    return net


def test_a_client_that_gives_nothing_away_is_not_accused() -> None:
    found = simulate(silent(), Design(12, 1, Local()), USUAL, who=attacker(most=0))
    assert found.metrics["updates_exposed"].value == 0
    assert verdict(found) == "INCONCLUSIVE", "no attack could be made, which is no pass"
    batch = simulate(dense(64, act=torch.nn.Sigmoid), Design(12, 16, Local()), **QUIET)
    assert verdict(batch) == "PASS"
    assert "26.5" in batch.detail["findings"][0]["reason"], "0 of 12 still allow so many"
    unsearched = simulate(dense(64, act=torch.nn.Sigmoid), Design(12, 16, Local()), GUESS)
    assert verdict(unsearched) == "INCONCLUSIVE"
    assert "nobody searched" in unsearched.detail["findings"][0]["reason"]


def test_finding_nothing_in_a_few_updates_is_no_pass() -> None:
    found = simulate(dense(64, act=torch.nn.Sigmoid), Design(4, 16, Local()), **QUIET)
    assert verdict(found) == "INCONCLUSIVE"
    assert "at least 10" in found.detail["findings"][0]["reason"]


def test_a_failed_control_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted, "_read", lambda *_: 55.0)
    found = simulate(dense(64, act=torch.nn.Sigmoid), Design(12, 16, Local()), **QUIET)
    assert verdict(found) == "INCONCLUSIVE"
    assert "55 dB where 100 are needed" in found.detail["findings"][0]["reason"]


def test_the_search_finds_what_no_layer_hands_over() -> None:
    found = simulate(smooth_conv(), Design(3, 1, Local()), {"idlg": GRADIENT_ATTACKS["idlg"]})
    assert found.metrics["records_recovered"].value == 1
    assert found.detail["gradients"]["attacks"][0]["residual"] < 1e-5


def test_traps_need_public_records_and_a_dense_layer() -> None:
    design = Design(3, 16, Local(), server="trap_thresholds")
    for net, who, why in (
        (dense(), attacker(public=False), "public records"),
        (smooth_conv(), attacker(), "fully connected first layer"),
        (dense(act=torch.nn.Sigmoid), attacker(), "ReLU"),
    ):
        found = simulate(net, design, who=who)
        assert isinstance(found, NotTestable)
        assert why in found.reason
    net = dense(256)
    weights = net[0].weight.detach().clone()
    trapped = simulate(net, design)
    assert "thresholds of its own making" in trapped.knowledge
    assert torch.equal(net[0].weight, weights), "the registered model is left alone"
    listening = simulate(net, replace(design, server="curious"))
    assert trapped.metrics["records_recovered"].value > listening.metrics["records_recovered"].value


def test_more_records_per_update_than_there_are_cannot_be_tried() -> None:
    found = simulate(dense(), Design(2, 300, Local()))
    assert isinstance(found, NotTestable)


def test_the_table_of_defences_shows_the_attack_that_adapts_beside_the_one_that_does_not() -> None:
    names = ["none", "clip", "noise_1e-2", "sum_of_8", "sum_of_32"]
    found = simulate(dense(), Design(3, 8, Local()), READ, defences=names)
    one = simulate(dense(), Design(5, 1, Local()), READ, defences=names[:3])
    rows = {row["name"]: row for row in one.detail["gradients"]["defences"]}
    assert rows["none"]["adaptive_db"]["median"] > 100
    assert rows["clip"]["adaptive_db"]["median"] > 100
    assert rows["noise_1e-2"]["adaptive_db"]["median"] > rows["noise_1e-2"]["naive_db"]["median"] + 3
    summed = {row["name"]: row for row in found.detail["gradients"]["defences"]}
    assert summed["sum_of_8"]["records_per_update"] == 64
    assert not summed["sum_of_8"]["unsearched"], "nothing that searches was asked for"
    unsearched = simulate(dense(), Design(1, 8, Local()), USUAL, defences=["noise_1e-2"])
    assert unsearched.detail["gradients"]["defences"][0]["unsearched"], "said, since it flatters the defence"
    assert "needs 256 records" in summed["sum_of_32"]["reason"]


def test_nearly_converged_models_are_told_apart_from_private_ones() -> None:
    net = dense()
    with torch.no_grad():  # sure of class 0, whatever it is shown
        net[2].bias[0] += 30
    zeros = digits().labels == 0
    records = Records(digits().features[zeros][:60], digits().labels[zeros][:60])
    found = simulate(net, Design(4, 1, Local()), READ, records)
    assert any("all but learnt" in caveat for caveat in found.caveats)
    assert found.detail["gradients"]["norms"]["largest"] < 1e-2


def test_a_captured_update_is_matched_to_its_records_in_any_order() -> None:
    net, batch = dense(512), some(0, 4)
    update = sent(net, batch)
    turned = Records(batch.features[::-1], batch.labels[::-1])
    rng = np.random.default_rng(0)
    found = trial.captured(net, update, turned, some(500, 600), attacker(), CLASSES, READ, rng, pictures=True)
    assert isinstance(found, AttackResult)
    assert verdict(found) == "FAIL"
    assert found.metrics["updates_exposed"].n == 1
    assert found.arrays["drawn_first_layer"].shape == (4, PIXELS)
    assert found.figures[0].png.startswith(b"\x89PNG")


def test_without_the_truth_no_rate_is_claimed() -> None:
    net, batch = dense(), some(0, 1)
    found = trial.captured(net, sent(net, batch), None, None, attacker(), CLASSES, READ, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    assert not found.metrics
    assert verdict(found) == "INCONCLUSIVE"
    assert found.detail["gradients"]["attacks"][0]["residual"] < 1e-4, "the match to the update itself"
    assert not found.arrays


def test_an_update_of_zeros_says_nothing() -> None:
    net = dense()
    update = sent(net, some(0, 1))
    empty = replace(update, tensors={name: one * 0 for name, one in update.tensors.items()})
    found = trial.captured(net, empty, None, None, attacker(), CLASSES, READ, np.random.default_rng(0))
    assert isinstance(found, NotTestable)


def test_one_record_drawn_twice_counts_once() -> None:
    line_up, place = scoring.LineUp.of(some(0, 50), BOUNDS, SIDE)
    twice = some(0, 1).features[[0, 0]]
    found = scoring.score(twice, place[:2], line_up, BOUNDS)
    assert found.recovered.sum() == 1
    assert len(found.named) == 1


def test_thirty_decibels_are_not_enough_where_others_look_the_same() -> None:
    base = some(0, 1).features[0]
    near = np.clip(base + 0.01, 0, 1)  # 40 dB away: a twin's record
    records = Records(np.stack([base, near, *some(5, 20).features]), np.zeros(17, dtype=np.int64))
    line_up, place = scoring.LineUp.of(records, BOUNDS, SIDE)
    drawn = np.clip(base + 0.009, 0, 1)[None].astype(np.float32)
    found = scoring.score(drawn, place[:1], line_up, BOUNDS)
    assert found.psnr[0] > 30
    assert not found.recovered[0]


def test_chance_of_naming_is_counted_within_the_class() -> None:
    """Three records of a class of ten named, two of them right, two behind the update: by hand."""
    records = Records(np.eye(20, PIXELS, dtype=np.float32), np.repeat([0, 1], 10))
    line_up, place = scoring.LineUp.of(records, BOUNDS, None)
    named, true = place[[0, 1, 2]], place[[0, 1]]
    hits, expected, p_value = scoring.identification([named], [true], line_up)
    assert hits == 2
    assert expected == pytest.approx(3 * 2 / 10)
    assert p_value == pytest.approx(float(hypergeom.pmf(2, 10, 2, 3)))
    # Naming every record of the class earns nothing.
    assert scoring.identification([place[:10]], [true], line_up)[2] == pytest.approx(1)


def test_guessing_in_a_line_up_is_seldom_significant() -> None:
    """100 attackers who name a random record of the right class: about 1 in 100 is called significant, and no more."""
    rng = np.random.default_rng(5)
    line_up, place = scoring.LineUp.of(some(0, 400), BOUNDS, None)
    false = 0
    for _ in range(100):
        true = [rng.choice(place, 1, replace=False) for _ in range(20)]
        named = [rng.choice(np.flatnonzero(line_up.labels == line_up.labels[one[0]]), 1) for one in true]
        false += scoring.identification(named, true, line_up)[2] < result.SIGNIFICANT
    assert false <= 4


def test_intervals_go_over_updates_and_are_never_of_no_width() -> None:
    none = result.over_updates([np.zeros(8, dtype=bool)] * 12)
    assert none.low == 0
    assert none.high > 0.2
    assert none.n == 12
    alone = result.over_updates([np.array([True, False, True])])
    assert (alone.low, alone.high) == (0, 1)
    assert result.over_updates([np.array([True])] * 5).method == "Clopper-Pearson"


def test_the_median_has_its_exact_interval() -> None:
    found = scoring.median_interval(np.arange(1.0, 26.0))
    assert found == {"median": 13, "low": 8, "high": 18, "n": 25}  # 95.7 %: the usual table for n = 25
    assert scoring.median_interval(np.array([np.nan])) is None


def test_the_control_reads_and_searches() -> None:
    found = planted.control(some(0, 50), attacker(), CLASSES, np.random.default_rng(0))
    assert found["passed"]
    assert found["first_layer_db"] > 100
    assert found["search_db"] > 30


def test_every_attack_cites_its_paper() -> None:
    for name, one in GRADIENT_ATTACKS.items():
        assert one.name == name
        assert any(str(year) in one.reference for year in range(2019, 2027))
        assert one.taxonomy.startswith("NISTAML.032 ")


def test_dropout_is_off_while_a_client_is_simulated() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(PIXELS, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, CLASSES))
    assert not prepare(net.train(), Local())[1].training
