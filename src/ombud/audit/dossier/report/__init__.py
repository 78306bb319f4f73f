"""An audit of one app as a document that one would hand to a court."""

from __future__ import annotations

from ombud.audit.dossier.report.custody import Custody, custody
from ombud.audit.dossier.report.pdf import pdf

__all__ = ["Custody", "custody", "pdf"]
