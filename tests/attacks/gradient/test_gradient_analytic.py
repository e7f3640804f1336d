"""The first fully connected layer hands records over: by hand, for any single record, in batches, and despite defences."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from gradient_worlds import BOUNDS, CLASSES, PIXELS, attacker, dense, digits, sent, smooth_conv, some
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from govtool.attacks.gradient import analytic, defences, labels, layers, scoring, traps
from govtool.attacks.gradient.update import Local, Readout, Update, prepare, send, simulate
from govtool.attacks.interface import Records
from govtool.attacks.inversion.question import Bounds
from govtool.attacks.inversion.similarity import psnr


def ends(net: torch.nn.Module, inputs: int = PIXELS) -> layers.Dense:
    first, _ = layers.ends(net, inputs)
    assert first is not None
    return first


def test_a_tiny_layer_worked_out_by_hand() -> None:
    """z = Wx + b with W = I, b = 0, x = (0.25, 0.5), no second layer: p = softmax(x), d = p - (1, 0)."""
    net = prepare(torch.nn.Linear(2, 2), Local())
    with torch.no_grad():
        net.weight.copy_(torch.eye(2))
        net.bias.zero_()
    x = np.array([[0.25, 0.5]], dtype=np.float32)
    update = send(net, x, np.array([0]), Local(), tell_labels=False)
    p = 1 / (1 + np.exp(0.25))  # of class 0: e^0.25 / (e^0.25 + e^0.5)
    assert update.tensors["bias"] == pytest.approx([p - 1, 1 - p], abs=1e-6)
    assert update.tensors["weight"] == pytest.approx(np.outer([p - 1, 1 - p], x[0]), abs=1e-6)
    bounds = Bounds(np.zeros(2, dtype=np.float32), np.ones(2, dtype=np.float32))
    found = analytic.read(update, ends(net, 2), bounds)
    assert found is not None
    assert found.inputs == pytest.approx(x, abs=1e-6)


@given(
    arrays(np.float32, (1, 12), elements=st.floats(0, 1, width=32)),
    st.integers(0, CLASSES - 1),
    st.integers(0, 50),
    st.integers(1, 3),
)
@settings(max_examples=40, deadline=None)
def test_any_single_record_comes_out_whole(x: np.ndarray, label: int, seed: int, steps: int) -> None:
    """Whatever the record, the net's weights and the number of local steps: the ratio does not depend on them."""
    net = dense(32, seed, inputs=12, act=torch.nn.Sigmoid)
    update = send(net, x, np.array([label]), Local(steps, 0.1), tell_labels=False)
    bounds = Bounds(np.zeros(12, dtype=np.float32), np.ones(12, dtype=np.float32))
    found = analytic.read(update, ends(net, 12), bounds)
    assert found is not None
    assert psnr(found.inputs, x)[0] > 100


def test_a_batch_gives_away_records_that_have_a_unit_to_themselves() -> None:
    net, batch = dense(512), some(0, 8)
    found = analytic.read(sent(net, batch), ends(net), BOUNDS)
    assert found is not None
    line_up, place = scoring.LineUp.of(batch, BOUNDS, None)
    marks = scoring.score(found.inputs, place, line_up, BOUNDS)
    assert marks.recovered.mean() >= 0.75
    assert len(found.inputs) <= 8, "no more than were sent: a longer list would always hold the right ones"
    assert found.candidates > len(found.inputs)
    # What the attacker takes for sure is so, and is known without the truth.
    near = psnr(found.inputs[:, None].astype(np.float64), batch.features[None]).max(axis=1)
    assert found.sure.any()
    assert (near[found.sure] > 40).all()


def test_a_batch_through_sigmoids_gives_no_unit_to_anyone() -> None:
    net, batch = dense(128, act=torch.nn.Sigmoid), some(0, 8)
    found = analytic.read(sent(net, batch), ends(net), BOUNDS)
    assert found is not None
    assert not found.sure.any()
    assert (psnr(found.inputs[:, None].astype(np.float64), batch.features[None]) < 30).all()


def test_thresholds_set_on_public_records_isolate_more_than_listening() -> None:
    batch, public, rng = some(0, 32), attacker().public, np.random.default_rng(1)
    assert public is not None
    found = {}
    for trapped in (False, True):
        net = dense(256)
        first = ends(net)
        if trapped:
            traps.planted(first, traps.calibrated(first, public.features, 32, rng))
        reading = analytic.read(sent(net, batch), first, BOUNDS)
        assert reading is not None
        line_up, place = scoring.LineUp.of(batch, BOUNDS, None)
        found[trapped] = scoring.score(reading.inputs, place, line_up, BOUNDS).recovered.mean()
    assert found[True] > found[False] + 0.1


def test_trap_weights_are_half_negative_and_their_scale_is_chosen_on_public_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    public = attacker().public
    assert public is not None
    weights = traps.scaled(ends(dense(32)), public.features, 16, np.random.default_rng(0))
    assert ((weights[:, :-1] < 0).sum(axis=1) == PIXELS // 2).all()
    assert not weights[:, -1].any()
    tried = iter([0.1, 0.9, 0.3, 0.2])
    monkeypatch.setattr(traps, "isolated", lambda *_: next(tried))
    weights = traps.scaled(ends(dense(32)), public.features, 16, np.random.default_rng(0))
    negative, positive = (-weights[weights < 0]).sum(), weights[weights > 0].sum()
    assert positive / negative == pytest.approx(traps.SCALES[1])


def test_isolation_is_counted_as_by_hand() -> None:
    """Three records on a line, thresholds at 0.5 and 1.5: 0 turns nothing on, 1 the first unit, 2 both."""
    line = np.array([[0.0], [1.0], [2.0]], dtype=np.float32)
    weights = np.array([[1.0, -0.5], [1.0, -1.5]])
    assert traps.isolated(weights, line, 3, np.random.default_rng(0)) == pytest.approx(1 / 3)


def test_all_units_together_outdo_the_strongest_one_under_noise() -> None:
    net, one = dense(), some(3, 4)
    first = ends(net)
    rng = np.random.default_rng(0)
    noisy = defences.noise(1e-3)(sent(net, one), rng)
    weights, bias = noisy.tensors[first.weight], noisy.tensors["0.bias"]
    unit = int(np.abs(bias).argmax())
    alone = psnr(np.clip(weights[unit] / bias[unit], 0, 1), one.features[0])
    found = analytic.read(noisy, first, BOUNDS)
    public = attacker().public
    assert public is not None
    helped = analytic.read(noisy, first, BOUNDS, analytic.Prior.of(public.features))
    assert found is not None
    assert helped is not None
    assert psnr(found.inputs, one.features)[0] > alone + 6
    assert psnr(helped.inputs, one.features)[0] >= psnr(found.inputs, one.features)[0]


def test_a_few_public_records_never_hide_what_they_do_not_know() -> None:
    """Ten public records span little: a nearly clean reading must not be bent onto them."""
    public, one = some(1000, 1010), some(3, 4).features[0].astype(np.float64)
    prior = analytic.Prior.of(public.features)
    assert prior.outside > 0
    assert psnr(prior.cleaned(one + 1e-4, 1e-4), one) > 60
    rng = np.random.default_rng(0)
    noisy = one + rng.normal(scale=0.5, size=PIXELS)
    assert psnr(prior.cleaned(noisy, 0.5), one) > psnr(noisy, one) + 3


def test_sparse_and_sign_updates_are_read_for_what_they_hold() -> None:
    net, one, rng = dense(), some(3, 4), np.random.default_rng(0)
    sparse = analytic.read(defences.largest(0.1)(sent(net, one), rng), ends(net), BOUNDS)
    assert sparse is not None
    assert not sparse.sure.any()
    assert psnr(sparse.inputs, one.features)[0] > 18
    signs = analytic.read(defences.signs(sent(net, one), rng), ends(net), BOUNDS)
    assert signs is not None
    assert np.array_equal(signs.inputs[0] > 0, one.features[0] > 0), "where there is ink"


def test_clipping_changes_nothing_and_says_so() -> None:
    net, one = dense(), some(5, 6)
    clipped = defences.clip(sent(net, one), np.random.default_rng(0))
    assert clipped.norm == pytest.approx(1, abs=1e-5)
    found = analytic.read(clipped, ends(net), BOUNDS)
    assert found is not None
    assert psnr(found.inputs, one.features)[0] > 100


def test_where_there_is_nothing_to_read_it_says_none() -> None:
    bare = prepare(torch.nn.Sequential(torch.nn.Linear(PIXELS, 8, bias=False), torch.nn.Linear(8, CLASSES)), Local())
    assert analytic.read(sent(bare, some(0, 1)), ends(bare), BOUNDS) is None
    net = dense()
    empty = {name: np.zeros_like(one) for name, one in sent(net, some(0, 1)).tensors.items()}
    assert analytic.read(Update(empty, 1), ends(net), BOUNDS) is None
    assert layers.ends(smooth_conv(), PIXELS)[0] is None


def test_the_first_layer_is_found_behind_a_flatten_and_the_last_behind_nothing() -> None:
    net = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 8, 8)), torch.nn.Flatten(), torch.nn.Linear(PIXELS, 16), torch.nn.ReLU(),
        torch.nn.Dropout(0.5), torch.nn.Linear(16, CLASSES),
    )  # fmt: skip
    net.train()
    first, last = layers.ends(net, PIXELS)
    assert first is not None
    assert last is not None
    assert (first.weight, first.bias, first.rectified) == ("2.weight", "2.bias", True)
    assert (last.weight, last.rectified) == ("5.weight", False)
    assert net.training, "left as it was found"


def test_the_label_of_one_record_and_the_labels_of_a_batch() -> None:
    net = smooth_conv()
    _, last = layers.ends(net, PIXELS)
    guess = np.full((1, CLASSES), 1 / CLASSES)
    for index in range(10):
        found = labels.recover(sent(net, some(index, index + 1)), last, guess)
        assert found is not None
        assert found.tolist() == [int(digits().labels[index])]
    batch = some(0, 16)
    with torch.no_grad():
        answers = torch.softmax(net(torch.from_numpy(digits().features[1000:1200])), 1).numpy()
    counted = labels.recover(sent(net, batch), last, answers)
    assert counted is not None
    same = np.minimum(np.bincount(counted, minlength=10), np.bincount(batch.labels, minlength=10)).sum()
    assert len(counted) == 16
    assert same >= 15
    assert labels.recover(sent(net, batch), None, answers) is None


def test_local_steps_move_the_weights_as_descent_does() -> None:
    """Two steps by hand against `simulate`."""
    net, one = dense(16), some(0, 4)
    x, y = torch.from_numpy(one.features), torch.from_numpy(one.labels)
    start = [parameter.detach().clone() for parameter in net.parameters()]
    found = simulate(net, x, y, Local(2, 0.5))
    for _ in range(2):
        loss = torch.nn.functional.cross_entropy(net(x), y)
        slopes = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            torch._foreach_sub_(list(net.parameters()), slopes, alpha=0.5)
    moved = [(a - b.detach()) / (2 * 0.5) for a, b in zip(start, net.parameters(), strict=True)]
    for one_found, one_moved in zip(found, moved, strict=True):
        assert torch.allclose(one_found, one_moved, atol=1e-5)


def test_batch_norm_in_training_mode_leaves_the_models_own_statistics_alone() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(PIXELS, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, CLASSES))
    local = Local(batch_statistics=True)
    ready = prepare(net, local)
    before = net[1].running_mean.clone()
    own = send(ready, some(0, 8).features, some(0, 8).labels, local, tell_labels=False)
    assert torch.equal(net[1].running_mean, before)
    other = send(prepare(net, Local()), some(0, 8).features, some(0, 8).labels, Local(), tell_labels=False)
    assert not np.allclose(own.tensors["0.weight"], other.tensors["0.weight"])


def test_what_the_attacker_knows_of_a_defence_travels_with_the_update() -> None:
    plain = sent(dense(), some(0, 1))
    rng = np.random.default_rng(0)
    told = {name: one.change(plain, rng).readout for name, one in defences.DEFENCES.items()}
    assert told["noise_1e-3"] == Readout(noise=1e-3)
    assert told["top_1"] == Readout(sparse=True)
    assert told["signs"] == Readout(signs=True)
    assert told["none"] == told["clip"] == Readout()
    kept = defences.largest(0.01)(plain, rng).tensors.values()
    asked = round(0.01 * sum(one.size for one in kept))
    assert asked <= sum((one != 0).sum() for one in kept) <= asked + 5, "ties are all kept"
    assert replace(plain, readout=Readout()) == plain


def test_records_are_never_changed() -> None:
    batch = Records(some(0, 4).features.copy(), some(0, 4).labels)
    sent(dense(), batch, Local(3, 0.1))
    assert np.array_equal(batch.features, some(0, 4).features)
