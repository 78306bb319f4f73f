"""The gate of a workspace, put together: it follows the records, decides, and puts what it decided on record."""

from __future__ import annotations

import logging
import re
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from ombud.gate.desk import Desk
from ombud.gate.feed import Poll
from ombud.gate.identity import Identities
from ombud.gate.journal import claim
from ombud.gate.live import LiveGate
from ombud.gate.recorder import Recorder
from ombud.gate.rules.engine import Rules
from ombud.gate.sinks import LedgerSink, OutboxSink
from ombud.gate.tokens import token_reader
from ombud.gate.wire.point import DecisionPoint
from ombud.lake.publisher import publish
from ombud.ledger.writer import open_ledger
from ombud.model.errors import BusyError, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.gate.policy import Policy
    from ombud.gate.recorder import Durable
    from ombud.gate.sinks import Sink
    from ombud.ledger.writer import Ledger
    from ombud.model.workspace import Workspace
    from ombud.records import Records

__all__ = ["ENTITIES", "GateService", "host_name", "rules_of"]

ENTITIES = "entities.json"
"""The file of a workspace that holds what the Cedar rules know of users and resources."""
_PUBLISH = 5.0
"""Seconds between two looks at the outbox, when this gate holds the ledger."""
_PATIENCE = 5.0
"""Seconds for which another process may hold the ledger before this gate goes by the outbox."""
_LOG = logging.getLogger("ombud.gate")


class GateService:
    """A gate that is open; a context manager."""

    def __init__(
        self,
        workspace: Workspace,
        records: Records,
        *,
        durable: Durable = "before-answer",
        policy: Policy | None = None,
        name: str | None = None,
        entities: Path | None = None,
        tokens_needed: bool = False,
    ) -> None:
        """Open journal, ledger and consents; `policy` decides as long as none was put in force.

        With `tokens_needed` a read without the app's own token is refused.

        When another process holds the ledger, roots of batches go by the
        outbox, and that process brings them there. Raises the errors of the
        journal, the ledger and the records.
        """
        self._entities = entities or workspace.root / ENTITIES
        self._stack = ExitStack()
        self._records = records
        with ExitStack() as opened:
            journal = opened.enter_context(claim(workspace.journal_dir, name or host_name()))
            self.ledger = _ledger(workspace)
            if self.ledger is not None:
                opened.enter_context(self.ledger)
            sink: Sink = OutboxSink(records) if self.ledger is None else LedgerSink(self.ledger)
            self.recorder = opened.enter_context(Recorder(journal, sink, durable=durable))
            self.live = LiveGate(records, policy, breakers=workspace.settings.gate_breakers)
            self.live.start(self.recorder.host, lambda: self.recorder.sequence)
            opened.enter_context(self.live)
            if self.ledger is not None:
                publishing = Poll(self._publish, _PUBLISH, name="gate publisher")
                publishing.start()
                opened.callback(publishing.stop)
            self.desk = Desk(self.live.gate, self.recorder, called=self.live.called, seen=self.live.decided)
            self._rules_of = ("", 0)
            self.tokens = token_reader(workspace.settings, workspace.keys_dir, records)
            self.point = DecisionPoint(
                self.desk,
                rules_of(self.live.policy, self._entities),
                self.tokens,
                tokens_needed=tokens_needed,
                consents=self.live,
                identities=Identities.open(workspace.keys_dir),
                relay_domain=workspace.settings.relay_domain,
            )
            self._rules_of = self._stamp()
            self._stack = opened.pop_all()

    @property
    def host(self) -> str:
        """Return the name under which this gate is on record."""
        return self.recorder.host

    @property
    def policy_hash(self) -> str:
        """Return the hash of the policy in force."""
        return self.live.policy.hash

    def healthy(self) -> bool:
        """Say whether reads can be decided and put on record at this moment."""
        return self.recorder.failing is None and time.monotonic() < self.live.feed.table.fresh_until

    def refresh(self) -> None:
        """Take over other Cedar rules when the policy or the entities changed. Raises `InputError`, keeping the old."""
        stamp = self._stamp()
        if stamp != self._rules_of:
            self._rules_of = stamp
            self.point.rules = rules_of(self.live.policy, self._entities)

    def close(self) -> None:
        """Finish what was handed in, and let everything go."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stamp(self) -> tuple[str, int]:
        try:
            changed = self._entities.stat().st_mtime_ns
        except OSError:
            changed = 0
        return self.live.policy.hash, changed

    def _publish(self) -> None:
        if self.ledger is not None:
            publish(self._records, self.ledger)


def rules_of(policy: Policy, entities: Path) -> Rules:
    """Return the Cedar rules of a policy, over the entities of a file if it is there. Raises `InputError`."""
    try:
        known = entities.read_bytes()
    except FileNotFoundError:
        known = b"[]"
    except OSError as error:
        raise InputError(f"Cannot read {entities}: {error.strerror}.", hint="Give the gate the right to.") from error
    return Rules.of(policy.cedar, known)


def host_name() -> str:
    """Return this machine's name as a plain word."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", socket.gethostname()).strip("-")[:40] or "gate"


def _ledger(workspace: Workspace) -> Ledger | None:
    """Open the ledger, or return None when another process keeps it."""
    begun = time.monotonic()
    while True:
        try:
            return open_ledger(workspace)
        except BusyError:
            if time.monotonic() - begun > _PATIENCE:
                _LOG.warning("Another process holds the ledger: what this gate records goes there by the outbox.")
                return None
            time.sleep(0.2)
