"""The names of attacks, families, figures and statuses, as a reader meets them. What is not listed reads by its own name."""

from govtool.reports import format as f
from govtool.reports.view import Badge

TITLES = {
    "combined": "Membership inference by all scores together",
    "lira": "Membership inference by likelihood ratio (LiRA)",
    "loss_threshold": "Membership inference by loss threshold",
    "calibrated_loss": "Membership inference by calibrated loss",
    "calibrated_phi": "Calibrated logit",
    "shadow_classifier": "Membership inference by a classifier of shadow models",
    "quantile": "Membership inference by quantile regression",
    "entropy": "Membership inference by entropy",
    "modified_entropy": "Membership inference by modified entropy",
    "gap": "Membership inference by right answers",
    "boundary": "Membership inference by labels of noisy copies",
    "augmentation": "Membership inference by labels of shifted images",
    "rmia": "Membership inference by pairwise likelihood ratio (RMIA)",
    "canary_epsilon": "Audit of the claimed epsilon with planted canaries",
    "lira_online": "LiRA, online",
    "lira_offline": "LiRA, offline",
    "rmia_online": "RMIA, online",
    "rmia_offline": "RMIA, offline",
    "inversion_black_box": "Model inversion through scores (black box)",
    "inversion_labels": "Model inversion through labels alone",
    "mi_face": "Model inversion by gradient descent (MI-FACE)",
    "inversion_prior": "Model inversion with public records (GMI, KEDMI, PPA)",
    "inversion_split_swap": "Model inversion: the class or the record (split swap)",
    "inversion_ensemble": "Model inversion through several models of the same people",
    "attribute_map": "Attribute inference from labels by Bayes' rule (MAP)",
    "attribute_bayes": "Attribute inference from confidence by Bayes' rule",
    "attribute_csmia": "Attribute inference from confidence by cases (CSMIA)",
    "attribute_black_box": "Attribute inference learnt from answers (black box)",
    "attribute_white_box": "Attribute inference learnt from neurons (white box)",
    "record_reconstruction": "Reconstruction of whole records",
    "gradient_inversion": "Gradient inversion of updates (federated learning)",
    "gradient_inversion_untrained": "Gradient inversion of updates, untrained model",
    "property_answers": "Property inference from answers (group level)",
    "property_weights": "Property inference from weights (group level)",
    "defences": "Defences and what they would buy",
    "property_snap": "Property inference with poisoned rows, SNAP (group level)",
}
FAMILIES = {
    "embedding_inversion": "Reading texts back from stored vectors",
    "membership_inference": "Membership inference",
    "attribute_inference": "Attribute inference",
    "property_inference": "Property inference",
    "model_inversion": "Model inversion",
    "data_reconstruction": "Reconstruction of training data",
    "training_data_extraction": "Extraction of training data",
    "differential_privacy": "Differential-privacy audit",
    "defences": "Defences tried",
}
METRICS = {
    "auc": "Area under the ROC curve",
    "balanced_accuracy": "Balanced accuracy",
    "epsilon_lower_bound": "Epsilon shown at least (one run)",
    "epsilon_two_sample": "Epsilon shown at least (two samples)",
    "canary_auc": "Area under the ROC curve of canaries",
    "excess": "Excess over imputation, in the training data only",
    "precision_at_decision_gap": "Precision where the model decides, in the training data less outside",
    "gain_members": "Gain over imputation in the training data",
    "gain_nonmembers": "Gain over imputation outside",
    "accuracy_members": "Right answers in the training data",
    "accuracy_nonmembers": "Right answers outside",
    "identification_excess": "Members named beyond the imputation, in the training data only",
    "identified_members": "Members whose reconstruction is nearest to their own record",
    "exact_members": "Members whose record came out whole",
    "answer_gain_members": "Gain over imputation from the model's answer, in the training data",
    "answer_gain_nonmembers": "Gain over imputation from the model's answer, outside",
    "identified_from_answer": "Members named from the model's answer",
    "exact_from_answer": "Members' records whole from the model's answer",
    "identification_rate": "Identification rate (median of the panel)",
    "identification_rate_highest": "Identification rate (most generous judge, contrast stretched where that helps)",
    "swap_advantage": "Likeness to the records trained on beyond likeness to others",
    "nearest_is_training": "Nearest record is one trained on",
    "identity_signal": "Likeness to unseen records of the class beyond other classes",
    "updates_exposed": "Updates that gave a record away",
    "records_recovered": "Records recovered from updates",
    "records_named": "Records picked from a line-up",
    "auc_in_full": "Area under the ROC curve, answers in full",
    "auc_retrained": "Area under the ROC curve, trained again by the recipe",
    "world_accuracy": "Models whose world is named correctly",
    "world_auc": "Area under the ROC curve, one world against the other",
}
STATUSES = {
    "completed": Badge("completed", "pass"),
    "void": Badge("void", "fail"),
    "not_applicable": Badge("not applicable", "none"),
    "not_testable": Badge("not testable", "unknown"),
    "not_requested": Badge("not requested", "none"),
    "superseded": Badge("covered", "none"),
    "failed": Badge("failed", "fail"),
}


def metric_label(name: str) -> str:
    base, _, fpr = name.partition("_at_fpr_")
    if base == "tpr" and fpr:
        return f"Members found at {f.percent(float(fpr))} false alarms"
    return METRICS.get(name, f.tidy(name.replace("_", " ").capitalize(), 80))


def attack_title(name: str) -> str:
    return TITLES.get(name, f.tidy(name.replace("_", " ").capitalize(), 80))


def family_title(name: str) -> str:
    return FAMILIES.get(name, f.tidy(name.replace("_", " ").capitalize(), 80))


def status_badge(status: str) -> Badge:
    return STATUSES.get(status, Badge(f.tidy(status, 40), "unknown"))
