"""Trust policies: which logs are believed, and which witnesses must have seen a checkpoint (C2SP tlog-policy)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.encoding import read_decimal
from ombud.ledger.faults import FormatError, SignatureError
from ombud.ledger.notes import COSIGNATURE, ED25519, ML_DSA_44, Verifier, open_note

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Group", "PolicyKey", "TrustPolicy", "Trusted"]

MAX_POLICY_BYTES = 1_000_000
_NONE = "none"


@dataclass(frozen=True, slots=True)
class PolicyKey:
    """A log or witness of a policy; a witness's name is the policy's own, a log's is its vkey."""

    name: str
    verifier: Verifier
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Some names, of which `threshold` must have witnessed."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trusted:
    """What a policy says of a note: its checkpoint, the witnesses that signed (policy's names), and if they suffice."""

    checkpoint: Checkpoint
    witnesses: tuple[str, ...]
    quorum: bool


@dataclass(slots=True)
class TrustPolicy:
    """Logs, witnesses, groups of them, and the one name that must have witnessed (None: nobody must)."""

    logs: dict[str, PolicyKey] = field(default_factory=dict)
    witnesses: dict[str, PolicyKey] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str | None = None

    @classmethod
    def parse(cls, text: str | bytes) -> TrustPolicy:
        """Read a policy's file. Raises `FormatError` with the number of the line."""
        octets = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        if len(octets) > MAX_POLICY_BYTES:
            raise FormatError(f"A policy has at most {MAX_POLICY_BYTES} bytes.")
        if any((octet < 0x20 and octet not in b"\t\n") or octet == 0x7F for octet in octets):  # noqa: PLR2004 - control characters
            raise FormatError("A policy has no control characters but tabs and line breaks.")
        policy, found = cls(), False
        for number, line in enumerate(octets.decode("utf-8", "surrogateescape").split("\n"), start=1):
            words = [word for word in line.replace("\t", " ").split(" ") if word]
            if not words or words[0].startswith("#"):
                continue
            try:
                if words[0] == "quorum":
                    if found or len(words) != 2:  # noqa: PLR2004 - the word and the name
                        raise FormatError("There is one quorum line, with one name.")  # noqa: TRY301 - gets its line below
                    policy.quorum, found = policy._quorum(words[1]), True
                else:
                    policy._take(words)
            except FormatError as error:
                raise FormatError(f"Line {number} of the policy: {error.message}") from error
        if not found:
            raise FormatError("The policy has no quorum line.", hint="Write `quorum none` if no witness is needed.")
        return policy

    def check(self, note: bytes, logs: Iterable[Verifier] = ()) -> Trusted:
        """Say who witnessed a checkpoint that one of the policy's logs, or of `logs`, signed.

        Raises `SignatureError` when none of these signed it under its origin, or a known key's line is wrong;
        a missing quorum is in the answer.
        """
        keys = [*(log.verifier for log in self.logs.values()), *logs]
        seen = {(witness.verifier.name, witness.verifier.key_id): name for name, witness in self.witnesses.items()}
        opened = open_note(note, {*keys, *(witness.verifier for witness in self.witnesses.values())})
        checkpoint = Checkpoint.parse(opened.text)
        signed = {(one.name, one.key_id) for one in opened.signatures}
        if not any((key.name, key.key_id) in signed and key.name == checkpoint.origin for key in keys):
            raise SignatureError(f"No log that is trusted signed the checkpoint of {checkpoint.origin}.")
        witnesses = tuple(name for key, name in seen.items() if key in signed)
        return Trusted(checkpoint, witnesses, self.satisfied(witnesses))

    def satisfied(self, witnesses: Iterable[str]) -> bool:
        """Say whether these witnesses, by the policy's names, are enough."""
        reached = set(witnesses)
        for group in self.groups.values():  # each names only what stands before it
            if sum(member in reached for member in group.members) >= group.threshold:
                reached.add(group.name)
        return self.quorum is None or self.quorum in reached

    def _take(self, words: list[str]) -> None:
        """Take a line that defines something."""
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                _add(self.logs, PolicyKey(vkey, _key(vkey, {ED25519, ML_DSA_44}), *url))
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._free(name)
                _add(self.witnesses, PolicyKey(name, _key(vkey, {COSIGNATURE, ML_DSA_44}), *url))
            case ["group", name, threshold, *members] if members:
                self._free(name)
                if len(set(members)) < len(members):
                    raise FormatError("A group names a member twice.")
                for member in members:
                    self._known(member)
                taken = {member for group in self.groups.values() for member in group.members}
                if twice := taken & set(members):
                    raise FormatError(f"{min(twice)!r} is in two groups.")
                self.groups[name] = Group(name, _threshold(threshold, len(members)), tuple(members))
            case _:
                raise FormatError("This is no line of a log, witness, group or quorum.")

    def _quorum(self, name: str) -> str | None:
        """Return the name that must have witnessed."""
        return None if name == _NONE else self._known(name)

    def _known(self, name: str) -> str:
        """Return a name that was defined before. Raises `FormatError`."""
        if name not in self.witnesses and name not in self.groups:
            raise FormatError(f"{name!r} is not defined above.")
        return name

    def _free(self, name: str) -> None:
        """Raise `FormatError` when a name is taken."""
        if name == _NONE or name in self.witnesses or name in self.groups:
            raise FormatError(f"The name {name!r} is taken.")


def _key(vkey: str, kinds: set[int]) -> Verifier:
    """Return a key of one of these types. Raises `FormatError`."""
    verifier = Verifier.parse(vkey)
    if verifier.kind not in kinds:
        raise FormatError(f"The key of {verifier.name} is of the wrong type for this line.")
    return verifier


def _add(keys: dict[str, PolicyKey], key: PolicyKey) -> None:
    """Add a key that no other line has. Raises `FormatError`."""
    if any(other.verifier.public == key.verifier.public for other in keys.values()):
        raise FormatError(f"The key of {key.verifier.name} stands on two lines.")
    keys[key.name] = key


def _threshold(text: str, members: int) -> int:
    """Return how many members must have witnessed. Raises `FormatError`."""
    if text in {"any", "all"}:
        return 1 if text == "any" else members
    number = read_decimal(text, "The group's threshold")
    if not 1 <= number <= members:
        raise FormatError(f"{number} of {members} members cannot be asked for.")
    return number
