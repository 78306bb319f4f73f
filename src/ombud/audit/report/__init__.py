"""An audit of one app as a document that one would hand to a court."""

from __future__ import annotations

from ombud.audit.report.custody import Custody, custody
from ombud.audit.report.pdf import pdf

__all__ = ["Custody", "custody", "pdf"]
