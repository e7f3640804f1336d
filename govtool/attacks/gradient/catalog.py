"""Every attack on an update, in the order in which they are tried. A new one is one function and one entry here."""

from govtool.attacks.gradient import attacker
from govtool.attacks.gradient.attacker import GradientAttack

GRADIENT_ATTACKS: dict[str, GradientAttack] = {
    "first_layer": GradientAttack(
        name="first_layer",
        summary="Records read off the first fully connected layer, without a search",
        reference="Geiping et al., NeurIPS 2020, proposition 3.1; Boenisch et al. 2021, arXiv 2112.02918",
        run=attacker.first_layer,
    ),
    "idlg": GradientAttack(
        name="idlg",
        summary="Records searched for whose update is nearest, labels recovered first",
        reference="Zhao, Mopuri & Bilen 2020, arXiv 2001.02610",
        run=attacker.idlg,
        searches=True,
    ),
    "dlg": GradientAttack(
        name="dlg",
        summary="Records searched for whose update is nearest, labels searched for beside them",
        reference="Zhu, Liu & Han, NeurIPS 2019, arXiv 1906.08935",
        run=attacker.dlg,
        searches=True,
        by_default=False,
    ),
    "cosine_tv": GradientAttack(
        name="cosine_tv",
        summary="Smooth records searched for whose update points the same way",
        reference="Geiping, Bauermeister, Dröge & Moeller, NeurIPS 2020, arXiv 2003.14053",
        run=attacker.cosine_tv,
        searches=True,
    ),
}
