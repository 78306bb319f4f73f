"""What an event of AWS CloudTrail says, in the lake's words: who asked, whose data, which call, what came of it.

Field names are those of the CloudTrail record, version 1.x (AWS CloudTrail User Guide, "record contents").

- **app**: what held the credentials. A long-lived access key is one app; all short-lived credentials of a user or
  role together are another. Their developer is the user or role, so both are joined.
- **person**: whose data it was: the resource that was asked for, as its ARN. A call about no resource in particular,
  such as a listing, counts as one about the whole service in its region.
- **decision**: allowed, or refused with the error's code when the call failed: a failed call gives no data.

The user agent is not looked at: whoever calls can write there what they like.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.model import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Event", "UnfitEventError", "read_event"]

_FIRST = datetime(2006, 1, 1, tzinfo=UTC)
"""No event is older than the service itself."""
_AHEAD = timedelta(days=1)
_LONGEST = 2_048
"""Bytes of a name; AWS's own limit for an ARN."""
_KEY_DIGITS = 8

_RESOURCES: dict[str, tuple[tuple[str, str], ...]] = {
    "s3": (("bucketName", "arn:aws:s3:::{}"),),
    "iam": (
        ("roleName", "arn:aws:iam::{account}:role/{}"),
        ("userName", "arn:aws:iam::{account}:user/{}"),
        ("instanceProfileName", "arn:aws:iam::{account}:instance-profile/{}"),
        ("policyArn", "{}"),
    ),
    "sts": (("roleArn", "{}"),),
    "secretsmanager": (("secretId", "arn:aws:secretsmanager:{region}:{account}:secret:{}"),),
    "kms": (("keyId", "arn:aws:kms:{region}:{account}:key/{}"),),
    "ssm": (
        ("name", "arn:aws:ssm:{region}:{account}:parameter/{}"),
        ("names", "arn:aws:ssm:{region}:{account}:parameter/{}"),
        ("instanceId", "arn:aws:ec2:{region}:{account}:instance/{}"),
        ("resourceId", "arn:aws:ssm:{region}:{account}:parameter/{}"),
    ),
    "ec2": tuple(
        (key, f"arn:aws:ec2:{{region}}:{{account}}:{kind}/{{}}")
        for key, kind in (
            ("instanceId", "instance"), ("instancesSet.items.instanceId", "instance"), ("snapshotId", "snapshot"),
            ("snapshotSet.items.snapshotId", "snapshot"), ("volumeId", "volume"),
            ("volumeSet.items.volumeId", "volume"),
            ("imageId", "image"), ("groupId", "security-group"), ("vpcId", "vpc"), ("vpcSet.items.vpcId", "vpc"),
            ("subnetId", "subnet"), ("subnetSet.items.subnetId", "subnet"), ("routeTableId", "route-table"),
            ("routeTableIdSet.items.routeTableId", "route-table"), ("internetGatewayId", "internet-gateway"),
            ("networkInterfaceId", "network-interface"), ("allocationId", "elastic-ip"),
        )
    ),
    "rds": (
        ("dBSnapshotIdentifier", "arn:aws:rds:{region}:{account}:snapshot:{}"),
        ("dBInstanceIdentifier", "arn:aws:rds:{region}:{account}:db:{}"),
        ("resourceName", "{}"),
    ),
    "lambda": (("functionName", "arn:aws:lambda:{region}:{account}:function:{}"),),
    "cloudtrail": (
        ("trailName", "arn:aws:cloudtrail:{region}:{account}:trail/{}"),
        ("name", "arn:aws:cloudtrail:{region}:{account}:trail/{}"),
    ),
    "logs": (("logGroupName", "arn:aws:logs:{region}:{account}:log-group:{}"),),
    "dynamodb": (("tableName", "arn:aws:dynamodb:{region}:{account}:table/{}"),),
}  # fmt: skip
"""By service, which request parameters name what was asked for, and how its ARN is written; the first found counts."""

_KINDS = {"IAMUser": "user", "AssumedRole": "role", "Role": "role", "FederatedUser": "federated", "Root": "root"}


class UnfitEventError(ValueError):
    """What is wrong with an event, in a few words."""


class Event(msgspec.Struct, frozen=True):
    """One event in the lake's words; texts as they stand, addresses and keys not hashed yet."""

    id: str
    happened_at: datetime
    app: str
    app_name: str
    developer: str
    category: str
    """the type of identity, as AWS calls it"""
    resources: tuple[str, ...]
    """ARNs, each once, in the order of the event; never empty"""
    region: str | None
    field: str
    """service and call, as `s3:GetObject`"""
    error: str | None
    address: str | None
    """where the call came from: an address, or the name of a service"""
    key: str | None
    """thumbprint of the access key's id"""
    acts_for: str | None
    """the service that called on the principal's behalf"""


def read_event(event: object) -> Event:
    """Read one event. Raises `UnfitEventError` with the first thing that does not fit."""
    if not isinstance(event, dict):
        raise UnfitEventError("not a JSON object")
    identity = event.get("userIdentity")
    if not isinstance(identity, dict):
        raise UnfitEventError("userIdentity: missing" if identity is None else "userIdentity: no object")
    service = _needed(event, "eventSource").removesuffix(".amazonaws.com")
    name = _needed(event, "eventName")
    account = _text(identity, "accountId") or _text(event, "recipientAccountId") or "unknown"
    region = _text(event, "awsRegion")
    key = _text(identity, "accessKeyId")
    thumbprint = hashlib.sha256(key.encode()).hexdigest()[:32] if key else None
    category, developer, who = _principal(identity, event, account)
    lasting = thumbprint is not None and (key or "").startswith("AKIA")
    short = (thumbprint or "")[:_KEY_DIGITS]
    return Event(
        id=_needed(event, "eventID"),
        happened_at=_moment(_needed(event, "eventTime")),
        app=f"{developer}.key-{short}" if lasting else developer,
        app_name=f"{who} (access key {short})" if lasting else who,
        developer=developer,
        category=category,
        resources=tuple(_resources(event, service, {"account": account, "region": region or ""})),
        region=region,
        field=f"{service}:{name}",
        error=_text(event, "errorCode"),
        address=_text(event, "sourceIPAddress"),
        key=thumbprint,
        acts_for=_text(identity, "invokedBy"),
    )


def _principal(identity: dict[str, Any], event: dict[str, Any], account: str) -> tuple[str, str, str]:
    """Return the type of an identity, an id without slashes or colons, and a name to show."""
    category = _text(identity, "type")
    if category in (None, "AWSService", "AWSInternal"):
        service = _text(identity, "invokedBy") or _text(event, "eventSource") or "unknown"
        word = _plain(service)
        return category or "AWSService", f"aws.{word}", service
    if category == "Root":
        return category, f"{account}.root", "root"
    name = _issuer(identity) if category == "AssumedRole" else _text(identity, "userName")
    name = name or _of_arn(_text(identity, "arn")) or _text(identity, "principalId") or "unknown"
    return category, f"{account}.{_KINDS.get(category, category.lower())}.{_plain(name)}", name


def _issuer(identity: dict[str, Any]) -> str | None:
    """Return the role behind a session."""
    session = identity.get("sessionContext")
    issuer = session.get("sessionIssuer") if isinstance(session, dict) else None
    return _text(issuer, "userName") if isinstance(issuer, dict) else None


def _of_arn(arn: str | None) -> str | None:
    """Return the user or role in an ARN; of a session, its role."""
    if arn is None or "/" not in arn:
        return None
    parts = arn.split("/")
    return parts[1] if ":assumed-role" in parts[0] else parts[-1]


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_.@+=" else "-" for c in name)


def _resources(event: dict[str, Any], service: str, where: dict[str, str]) -> Iterator[str]:
    """Yield what the call was about, each once."""
    given = event.get("resources")
    found = [_text(one, "ARN") for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    wanted = dict.fromkeys(arn for arn in found if arn)
    asked = event.get("requestParameters")
    if not wanted and isinstance(asked, dict):
        for path, pattern in _RESOURCES.get(service, ()):
            names = dict.fromkeys(_names(asked, path.split(".")))
            if names:
                wanted = dict.fromkeys(_arn(pattern, name, where) for name in names)
                break
    yield from wanted or (f"arn:aws:{service}:{where['region']}:{where['account']}:*",)


def _names(value: object, path: list[str]) -> Iterator[str]:
    """Yield the texts at a path of keys; lists on the way are walked."""
    if isinstance(value, list):
        for one in value:
            yield from _names(one, path)
    elif path and isinstance(value, dict):
        yield from _names(value.get(path[0]), path[1:])
    elif not path and isinstance(value, str) and value:
        yield _short("a resource's name", value)


def _arn(pattern: str, name: str, where: dict[str, str]) -> str:
    if name.startswith("arn:"):
        return name
    return (
        pattern.replace("{account}", where["account"])
        .replace("{region}", where["region"])
        .replace("{}", name.removeprefix("/") if pattern.endswith("/{}") else name)
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnfitEventError("eventTime: no date") from None
    if not _FIRST <= moment < clock.now() + _AHEAD:
        raise UnfitEventError("eventTime: out of range")
    return moment


def _needed(values: dict[str, Any], name: str) -> str:
    text = _text(values, name)
    if not text:
        raise UnfitEventError(f"{name}: missing")
    return text


def _text(values: dict[str, Any], name: str) -> str | None:
    """Return a text, or null where there is none or an empty one."""
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnfitEventError(f"{name}: no text")
    return _short(name, value) or None


def _short(name: str, value: str) -> str:
    if len(value) > _LONGEST:
        raise UnfitEventError(f"{name}: longer than {_LONGEST:,} characters")
    return value
