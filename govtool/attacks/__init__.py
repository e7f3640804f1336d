"""Can it leak? Attacks as functions: arrays and a model in, figures with intervals out. No database, files or clock.

A researcher needs nothing else of govtool:

    import numpy as np
    from govtool.access import Access
    from govtool.attacks.catalog import ATTACKS
    from govtool.attacks.interface import AttackData, AttackResult, Records
    from govtool.errors import WorkError

    class MyModel:                                    # anything with these five members is a Target
        access = frozenset({Access.PROBABILITIES})    # what the deployment shows an outsider
        n_classes = 10

        def log_probabilities(self, features):        # (n, ...) float32 -> (n, 10) float64
            return model.predict_log_proba(features)

        def labels(self, features):
            return self.log_probabilities(features).argmax(1)

        def module(self):                             # the torch module, for white-box attacks
            raise WorkError("weights are not exposed")

    data = AttackData(members=Records(X_train, y_train), nonmembers=Records(X_test, y_test), population=Records(X_more, y_more))
    outcome = ATTACKS["loss_threshold"].run(MyModel(), data, {}, np.random.default_rng(7))
    if isinstance(outcome, AttackResult) and not outcome.void:
        print(outcome.metrics["auc"], *outcome.caveats, sep="; ")

An outcome that is not an `AttackResult` says in `reason` why nothing was measured; it is never a pass. Run several
membership attacks with `params={"validity": validity.check(data, rng)}` to check the records only once.
"""
