"""The neurons that tell the true value from the others.

After Jayaraman & Evans, 'Are Attribute Inference Attacks Just Imputation?' (CCS 2022, arXiv 2209.01292), section 3.3: who
holds the weights finds the neurons whose activations go with the sensitive value on records of other people, and reads
them on the victim's record with each candidate value filled in. Here the neurons are ranked by their correlation with
what the imputation leaves unexplained, so that they are chosen for what they add, and a logistic regression weighs the
imputation, the answer for the known label, and the neurons together.
"""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.attribute import assembly, learner
from govtool.attacks.attribute.black_box import LEARNT_OUTSIDE
from govtool.attacks.attribute.case import Answers, Case
from govtool.attacks.interface import AttackData, Features, FloatArray, Labels, NotTestable, Outcome, Records, Target
from govtool.errors import WorkError

NAME = "attribute_white_box"
NEURONS = 32
_BATCH = 2048
_FLOOR = 1e-6


def activations(module: Any, features: Features) -> FloatArray:
    """(n, neurons) outputs of every innermost layer for (n, d) records, in the order in which they are computed.

    Raises:
        WorkError: no layer answers with one row per record.
    """
    import torch

    seen: list[Any] = []

    def keep(_layer: Any, _inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim > 1 and len(output) == len(features):
            seen.append(output.detach().flatten(1).double())

    inner = [layer for layer in module.modules() if not list(layer.children())]
    handles = [layer.register_forward_hook(keep) for layer in inner]
    try:
        with torch.no_grad():
            module(torch.from_numpy(np.ascontiguousarray(features)))
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise WorkError("the model has no layer whose activations could be read record by record")
    return np.asarray(torch.cat(seen, dim=1).numpy(), dtype=np.float64)


def guess(target: Target, case: Case, rng: np.random.Generator) -> Labels:
    module = target.module()
    expected = learner.cross_fitted(case.inputs(case.auxiliary), case.known, case.encoding.values, rng)
    chosen = _telling(module, case, expected)
    train = _inputs(module, case, case.auxiliary, expected, case.auxiliary_answers, chosen)
    is_true = np.eye(case.encoding.values)[case.known].ravel()
    weigh = _regression(train, is_true)
    scores = weigh(_inputs(module, case, case.audited, case.imputed, case.answers, chosen))
    return case.best(scores.reshape(len(case.truth), case.encoding.values))


def _telling(module: Any, case: Case, expected: FloatArray) -> Labels:
    """The neurons whose activation at a candidate goes with its being the true one, beyond the imputation's chance of it.

    Sums run over batches: activations of all records at once would not fit.
    """
    unexplained = np.eye(case.encoding.values)[case.known] - expected
    n, left = 0, 0.0
    total: Any = 0.0
    squares: Any = 0.0
    product: Any = 0.0
    for code, rows in _batches(case.encoding.values, len(case.auxiliary)):
        found = activations(module, case.encoding.with_value(case.auxiliary.features[rows], code))
        rest = unexplained[rows, code]
        n, left = n + len(rest), left + rest.sum()
        total, squares, product = total + found.sum(axis=0), squares + (found**2).sum(axis=0), product + rest @ found
    spread = np.sqrt(np.maximum(squares / n - (total / n) ** 2, 0.0))
    together = np.abs(product / n - total / n * left / n)
    correlation = np.divide(together, spread, out=np.zeros_like(spread), where=spread > _FLOOR)
    return np.argsort(-correlation, kind="stable")[:NEURONS].astype(np.int64)


def _inputs(
    module: Any, case: Case, records: Records, imputed: FloatArray, answers: Answers, chosen: Labels
) -> FloatArray:
    """(records x values, columns), the values of one record next to each other."""
    assert answers.own is not None
    values = case.encoding.values
    neurons = np.empty((len(records), values, len(chosen)))
    for code, rows in _batches(values, len(records)):
        neurons[rows, code] = activations(module, case.encoding.with_value(records.features[rows], code))[:, chosen]
    odds = np.log(np.maximum(imputed, _FLOOR))
    own = np.maximum(answers.own, np.log(_FLOOR))
    return np.hstack([odds.reshape(-1, 1), own.reshape(-1, 1), neurons.reshape(-1, len(chosen))])


def _regression(inputs: FloatArray, is_true: FloatArray) -> learner.Predict:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a regression that has not quite converged still weighs
        model.fit(inputs, is_true)
    return lambda rows: np.asarray(model.decision_function(rows), dtype=np.float64)


def _batches(values: int, records: int) -> Iterator[tuple[int, slice]]:
    for code in range(values):
        for start in range(0, records, _BATCH):
            yield code, slice(start, min(start + _BATCH, records))


METHOD = assembly.Method(
    name=NAME,
    needs=Access.WEIGHTS,
    guess=guess,
    knowledge=(
        "holds the model's weights, reads its neurons for each record with each value filled in, and learns from the other "
        "people's records which neurons tell"
    ),
    caveats=(LEARNT_OUTSIDE,),
)


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """See `assembly.run`; not testable where the weights are no torch module."""
    if (hindrance := assembly.obstacle(METHOD, target, data)) is not None:
        return hindrance
    try:
        target.module()
    except WorkError as error:
        return NotTestable(f"the weights are exposed, but there are no neurons to read: {error.message}")
    return assembly.run(METHOD, target, data, params, rng)
