"""General rules beyond data reads: Cedar policies through `cedarpy`."""

from __future__ import annotations
