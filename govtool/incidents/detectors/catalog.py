"""Every detector that is run over a case. A new one is a file in this folder and a line here."""

from govtool.incidents.detectors.interface import Detector
from govtool.incidents.detectors.membership_probing import MembershipProbing
from govtool.incidents.detectors.sweep import Sweep
from govtool.incidents.detectors.volume import Volume

DETECTORS: dict[str, Detector] = {
    "volume": Volume(),
    "sweep": Sweep(),
    "membership_probing": MembershipProbing(),
}
