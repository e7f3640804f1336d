"""govtool audit epsilon, epsilon-from-scores, canaries, retrain: is a differential-privacy claim true, and what if not."""

from pathlib import Path
from typing import Annotated, Any

import typer

from govtool.cli.output import JsonFlag, examples, note, show, table


def register(app: typer.Typer) -> None:
    """Add the commands to the group `govtool audit`."""
    app.command(
        "epsilon",
        epilog=examples(
            "govtool audit epsilon --noise-multiplier 1.1 --sampling-rate 0.01 --steps 10000 --delta 1e-5",
            "govtool audit epsilon --noise-multiplier 1.1 --sampling-rate 0.01 --steps 10000 --delta 1e-5 --claimed 3",
        ),
    )(epsilon)
    app.command(
        "epsilon-from-scores",
        epilog=examples(
            "govtool audit epsilon-from-scores scores.npz --delta 1e-5",
            "govtool audit epsilon-from-scores scores.npz --delta 1e-5 --claimed 1 --threshold 0.7 --json",
        ),
    )(epsilon_from_scores)
    app.command(
        "retrain",
        epilog=examples(
            "govtool audit retrain triage@1 --spec audit.yaml --dp-epsilon 3 --delta 1e-5 --out private.safetensors",
            "govtool audit retrain --spec audit.yaml --data referrals@canaries --out plain.safetensors",
        ),
    )(retrain)
    canaries = typer.Typer(help="Records planted before training, to test a privacy claim.", no_args_is_help=True)
    canaries.callback()(_canaries_group)
    canaries.command(
        "make",
        epilog=examples(
            "govtool audit canaries make referrals@1 --count 200 --out with-canaries.npz --as canaries",
            "govtool audit canaries make referrals@1 --kind out_of_distribution --out train.npz --as canaries-ood",
        ),
    )(make_canaries)
    app.add_typer(canaries, name="canaries")


def epsilon(
    noise_multiplier: Annotated[float, typer.Option("--noise-multiplier", help="Noise in units of the clipping norm.")],
    sampling_rate: Annotated[float, typer.Option("--sampling-rate", help="Chance of each record to be in a batch.")],
    steps: Annotated[int, typer.Option("--steps", help="Optimiser steps.")],
    delta: Annotated[float, typer.Option("--delta", help="Below one over the number of records.")],
    claimed: Annotated[float | None, typer.Option("--claimed", help="The epsilon that somebody claims.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute the epsilon of DP-SGD from its noise. Leaves 3 when that does not support the claimed epsilon."""
    from govtool.attacks.privacy import accounting

    _positive("--claimed", claimed)
    found = accounting.recompute(accounting.Mechanism(noise_multiplier, sampling_rate, steps, delta))
    supported = None if claimed is None else found.supports(claimed)
    rows = [[name, f"{value:.4f}"] for name, value in found.epsilons.items()]
    rows += [[name, f"unknown: {reason}"] for name, reason in found.failed.items()]
    lines = [table(["accountant", f"epsilon at delta {delta:g}"], rows), "", f"epsilon {found.epsilon:.4g}"]
    if claimed is not None:
        lines.append(accounting.comparison(claimed, found))
    data = {**found.to_dict(), "claimed": claimed, "supported": supported, "caveat": accounting.POISSON}
    lines += ["", accounting.POISSON]
    code = 3 if supported is False else 0
    show("audit.epsilon/1", data, "\n".join(lines), as_json=as_json, exit_code=code, warnings=found.disagreements)


def epsilon_from_scores(
    scores: Annotated[Path, typer.Argument(help="An .npz with the arrays 'scores' (higher: member) and 'membership'.")],
    delta: Annotated[float, typer.Option("--delta", help="The delta of the promise.")],
    claimed: Annotated[float | None, typer.Option("--claimed", help="The epsilon that somebody claims.")] = None,
    threshold: Annotated[
        list[float] | None,
        typer.Option("--threshold", help="Chosen without these scores; may be repeated. Default: random splits."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="For the random splits.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Bound epsilon from below by exported attack scores. Leaves 3 when the bound exceeds the claimed epsilon."""
    from govtool.attacks.privacy import statement, two_sample
    from govtool.audits import dp_scores

    _positive("--claimed", claimed)
    found, posterior = dp_scores.bounds(scores, delta, threshold, seed)
    lines = [
        f"epsilon >= {found.epsilon:.3f} at delta {delta:g} and 95 % confidence, n = {found.n} ({found.how})",
        f"A perfect attacker with these records could show at most {found.ceiling:.3f}.",
    ]
    if posterior is not None:
        lines.append(
            f"cross-check, 90 % credible interval: {posterior.low:.3f} to {posterior.high:.3f} ({posterior.method})"
        )
    outcome = None
    if claimed is not None:
        outcome = statement.judge(claimed, found.epsilon, found.ceiling)
        lines.append(statement.sentence(outcome, claimed, delta, found.epsilon, found.ceiling, f"{found.n} records"))
    data: dict[str, Any] = {
        **found.to_dict(),
        "credible": posterior.to_dict() if posterior else None,
        "claimed": claimed,
        "outcome": outcome,
        "caveat": two_sample.INDEPENDENCE,
    }
    lines += ["", two_sample.INDEPENDENCE]
    code = 3 if outcome == "contradicted" else 0
    show("audit.epsilon-from-scores/1", data, "\n".join(lines), as_json=as_json, exit_code=code)


def _canaries_group() -> None:
    """Records planted before training, to test a privacy claim."""


def make_canaries(
    dataset: Annotated[str, typer.Argument(metavar="DATASET@VERSION", help="The training data to plant them in.")],
    out: Annotated[Path, typer.Option("--out", help="Where to write the training set, a new .npz.")],
    version: Annotated[str, typer.Option("--as", help="The version under which the training set is registered.")],
    count: Annotated[int, typer.Option("--count", help="How many canaries; the ceiling grows with them.")] = 200,
    kind: Annotated[
        str, typer.Option("--kind", help="mislabelled, random_label or out_of_distribution.")
    ] = "mislabelled",
    as_json: JsonFlag = False,
) -> None:
    """Plant canaries, toss a fair coin for each, seal the coins in the vault and write the set to train on."""
    from govtool.attacks.privacy import one_run
    from govtool.audits import dp_canaries
    from govtool.cli.context import open_workspace
    from govtool.registry import service

    ws = open_workspace()
    with ws.write() as session:
        made = dp_canaries.make(
            session,
            ws.vault,
            service.dataset_version(session, dataset),
            kind=kind,
            count=count,
            out=out,
            version=version,
            now=ws.now,
            by=ws.actor,
        )
    most = one_run.usual_ceiling(count, 1e-5)
    data = {
        "id": made.item.id,
        "sha256": made.item.sha256,
        "dataset": made.dataset.ref,
        "file": str(out),
        "canaries": made.count,
        "records": made.rows,
        "ceiling_at_delta_1e-5": most,
    }
    text = (
        f"canaries {made.item.id}: {made.count} drawn, coins sealed as sha256:{made.item.sha256}\n"
        f"train on {out} ({made.rows} records), registered as {made.dataset.ref}\n"
        f"With {made.count} canaries a perfect attacker could show an epsilon of at most {most:.2f} at delta 1e-5."
    )
    note(f"next: train, register the weights, govtool lineage add MODEL@VERSION trained_on {made.dataset.ref}")
    note(f"then in the spec: canaries: {made.item.id} and claim: {{epsilon: ..., delta: ...}}")
    show("audit.canaries/1", data, text, as_json=as_json)


def retrain(
    spec: Annotated[Path, typer.Option("--spec", help="The audit.yaml with the recipe.")],
    out: Annotated[Path, typer.Option("--out", help="Where to write the weights, a new .safetensors.")],
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL@VERSION]", help="The version to train again; without it, name the data."),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="DATASET@VERSION", help="Default: what the version was trained on.")
    ] = None,
    dp_epsilon: Annotated[float | None, typer.Option("--dp-epsilon", help="Train with DP-SGD to this epsilon.")] = None,
    noise_multiplier: Annotated[
        float | None, typer.Option("--noise-multiplier", help="Train with DP-SGD and this noise instead.")
    ] = None,
    delta: Annotated[float | None, typer.Option("--delta", help="Of the promise; below one over the records.")] = None,
    max_grad_norm: Annotated[float, typer.Option("--max-grad-norm", help="Where gradients are clipped.")] = 1.0,
    trust_factory: Annotated[
        list[str] | None,
        typer.Option("--trust-factory", metavar="MODULE:FUNCTION", help="Build the model with this function."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Train the recipe again, privately where asked, and write weights ready for `govtool model version add`."""
    from govtool.attacks.catalog import ATTACKS
    from govtool.audits import dp_retrain
    from govtool.audits import spec as specs
    from govtool.cli.context import open_workspace
    from govtool.evidence.vault import open_regular

    with open_regular(spec) as stream:
        raw = stream.read((1 << 20) + 1)
    parsed = specs.parse(raw, str(spec), ATTACKS)
    dp = dp_retrain.wanted(parsed.recipe, dp_epsilon, noise_multiplier, delta, max_grad_norm)
    with open_workspace().read() as session:
        job = dp_retrain.prepare(session, model, parsed, data, dp, trust_factory or ())
    done = dp_retrain.train(job, out)
    lines = [f"{out}: {done['factory']} trained on {done['records']} records of {', '.join(done['datasets'])}"]
    if done["privacy"]:
        lines.append(
            f"epsilon {done['privacy']['epsilon']:.4g} at delta {done['privacy']['delta']:g}: "
            f"noise {done['claim']['noise_multiplier']:.4g}, rate {done['claim']['sampling_rate']:.4g}, "
            f"{done['claim']['steps']} steps"
        )
        lines += ["in the spec, for its audit:", f"  claim: {done['claim_yaml']}"]
    note(
        f"next: govtool model version add NAME VERSION --artifact {out} --factory {done['factory']} --factory-params ..."
    )
    lines.append(f"--factory-params '{done['factory_params_json']}'")
    show("audit.retrain/1", done, "\n".join(lines), as_json=as_json)


def _positive(option: str, value: float | None) -> None:
    from govtool.errors import InputError

    if value is not None and not 0 <= value < float("inf"):
        raise InputError(f"{option} must be a finite number from 0, not {value:g}")
