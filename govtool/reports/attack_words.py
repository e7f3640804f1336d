"""The names of attacks, families, figures and statuses, as a reader meets them. What is not listed reads by its own name."""

from govtool.reports import format as f
from govtool.reports.view import Badge

TITLES = {
    "loss_threshold": "Membership inference by loss threshold",
    "rmia": "Membership inference by pairwise likelihood ratio (RMIA)",
    "mi_face": "Model inversion by gradient descent (MI-FACE)",
}
FAMILIES = {
    "membership_inference": "Membership inference",
    "attribute_inference": "Attribute inference",
    "property_inference": "Property inference",
    "model_inversion": "Model inversion",
    "data_reconstruction": "Reconstruction of training data",
    "training_data_extraction": "Extraction of training data",
}
METRICS = {
    "auc": "Area under the ROC curve",
    "balanced_accuracy": "Balanced accuracy",
    "identification_rate": "Identification rate (median of the panel)",
}
STATUSES = {
    "completed": Badge("completed", "pass"),
    "void": Badge("void", "fail"),
    "not_applicable": Badge("not applicable", "none"),
    "not_testable": Badge("not testable", "unknown"),
    "not_requested": Badge("not requested", "none"),
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
