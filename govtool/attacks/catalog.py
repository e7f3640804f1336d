"""Every attack there is. A new one is one file and one entry here."""

from govtool.access import Access
from govtool.attacks import loss_threshold, mi_face, rmia
from govtool.attacks.interface import Attack

ATTACKS: dict[str, Attack] = {
    "loss_threshold": Attack(
        name="loss_threshold",
        family="membership_inference",
        summary="Was this record trained on? Judged by how sure the model is of its label.",
        reference="Yeom, Giacomelli, Fredrikson & Jha, CSF 2018, arXiv 1709.01604",
        taxonomy="NISTAML.033 Membership Inference",
        needs=Access.PROBABILITIES,
        run=loss_threshold.run,
    ),
    "rmia": Attack(
        name="rmia",
        family="membership_inference",
        summary="Was this record trained on? Judged against models trained with and without it.",
        reference="Zarifzadeh, Liu & Shokri, ICML 2024, arXiv 2312.03262",
        taxonomy="NISTAML.033 Membership Inference",
        needs=Access.PROBABILITIES,
        run=rmia.run,
        needs_references=True,
        params=frozenset({"mode", "gamma"}),
    ),
    "mi_face": Attack(
        name="mi_face",
        family="model_inversion",
        summary="What do the weights show of each class? Reconstructed by gradients, judged by models that never met the target.",
        reference="Fredrikson, Jha & Ristenpart, CCS 2015, doi 10.1145/2810103.2813677",
        taxonomy="NISTAML.032 Data Reconstruction",
        needs=Access.GRADIENTS,
        run=mi_face.run,
        params=frozenset({"shape", "pictures"}),
    ),
}
