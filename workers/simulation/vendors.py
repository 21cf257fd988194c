"""The scanners that can be simulated, one for each vendor's header style."""

from enum import StrEnum

from workers.simulation.protocol import Scanner
from workers.simulation.scanner_ge import GE
from workers.simulation.scanner_philips import PHILIPS
from workers.simulation.scanner_siemens import SIEMENS


class Vendor(StrEnum):
    """Whose header style a study has."""

    SIEMENS = "siemens"
    GE = "ge"
    PHILIPS = "philips"


SCANNERS: dict[Vendor, Scanner] = {Vendor.SIEMENS: SIEMENS, Vendor.GE: GE, Vendor.PHILIPS: PHILIPS}
"""One scanner for each vendor."""
