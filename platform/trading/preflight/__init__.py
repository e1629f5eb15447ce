"""Is this terminal right for this symbol, and is the symbol still what it was? Pure: what was read goes in, findings come out."""

from trading.preflight.certificate import CertificateCheck, Result, certify, sum_results
from trading.preflight.drift import find_drift

__all__ = ["CertificateCheck", "Result", "certify", "find_drift", "sum_results"]
