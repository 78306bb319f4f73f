"""The gate on the wire: the AuthZEN Authorization API 1.0, nginx `auth_request`, and what guards them."""

from __future__ import annotations
