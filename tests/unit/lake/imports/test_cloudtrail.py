"""CloudTrail: who asked, whose data, which call, what came of it; hostile lines are rejected with one reason each."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ombud.lake.imports import import_files
from ombud.lake.imports.keyed import KEY_FILE, keyed_hash, open_key
from ombud.model.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.lake import Lake

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "aws-attack-simulation" / "cloudtrail.jsonl.gz"
USER = {"type": "IAMUser", "accountId": "111122223333", "accessKeyId": "AKIAAAAAAAAAAAAAAAAA", "userName": "ann"}
ROLE = {
    "type": "AssumedRole",
    "arn": "arn:aws:sts::111122223333:assumed-role/backup/session-9",
    "accountId": "111122223333",
    "accessKeyId": "ASIAAAAAAAAAAAAAAAAA",
    "sessionContext": {"sessionIssuer": {"userName": "backup"}},
}


def event(**given: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """Return an event in which `given` takes the place of what is usual; None takes a field out."""
    usual = {
        "eventID": "e1",
        "eventTime": "2023-07-10T11:42:18Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.7",
        "userIdentity": USER,
        "requestParameters": {"bucketName": "letters"},
    }
    return {name: value for name, value in (usual | given).items() if value is not None}


def lines(*events: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


@pytest.fixture
def one(read: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Return a function that reads one event and returns its only read."""

    def run(**given: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
        got = read(lines(event(**given)), "log.jsonl", format="cloudtrail")
        assert got.rejects == []
        (row,) = got.rows["reads"]
        return dict(row)

    return run


def test_a_read(one: Callable[..., dict[str, Any]]) -> None:
    row = one()
    thumbprint = hashlib.sha256(USER["accessKeyId"].encode()).hexdigest()[:32]
    assert row["read"] == "e1"
    assert row["app"] == f"111122223333.user.ann.key-{thumbprint[:8]}"
    assert row["person"] == "arn:aws:s3:::letters"
    assert row["happened_at"] == datetime(2023, 7, 10, 11, 42, 18, tzinfo=UTC)
    assert row["fields"] == ["s3:GetObject"]
    assert (row["decision"], row["reason"]) == ("allowed", None)
    assert row["key"] == thumbprint
    assert (row["purpose"], row["through"], row["policy"]) == (None, None, None)


def test_the_address_is_hashed_and_a_service_is_not(one: Callable[..., dict[str, Any]]) -> None:
    assert one()["network"] == keyed_hash(b"", "192.0.2.7")
    assert one(sourceIPAddress="rds.amazonaws.com")["network"] == "rds.amazonaws.com"
    assert one(sourceIPAddress=None)["network"] is None


@pytest.mark.parametrize("code", ["AccessDenied", "Client.UnauthorizedOperation", "ThrottlingException", "NoSuchKey"])
def test_a_call_that_failed_gave_nothing(one: Callable[..., dict[str, Any]], code: str) -> None:
    row = one(errorCode=code)
    assert (row["decision"], row["reason"]) == ("refused", code)


@pytest.mark.parametrize(
    ("identity", "app"),
    [
        (ROLE, "111122223333.role.backup"),
        (ROLE | {"sessionContext": None}, "111122223333.role.backup"),
        (USER | {"accessKeyId": "ASIAAAAAAAAAAAAAAAAA"}, "111122223333.user.ann"),
        ({"type": "Root", "accountId": "111122223333"}, "111122223333.root"),
        ({"type": "AWSService", "invokedBy": "rds.amazonaws.com"}, "aws.rds.amazonaws.com"),
        ({"accountId": "111122223333"}, "aws.s3.amazonaws.com"),
        ({"type": "SAMLUser", "principalId": "a/b:c"}, "unknown.samluser.a-b-c"),
        ({"type": "FederatedUser", "arn": "arn:aws:sts::1:federated-user/eve"}, "unknown.federated.eve"),
    ],
)
def test_who_asked(one: Callable[..., dict[str, Any]], identity: dict[str, Any], app: str) -> None:
    assert one(userIdentity=identity)["app"] == app


def test_a_users_key_and_sessions_have_one_developer(read: Callable[..., Any]) -> None:
    session = event(eventID="e2", userIdentity=USER | {"accessKeyId": "ASIAAAAAAAAAAAAAAAAA"})
    got = read(lines(event(), session), "log.jsonl", format="cloudtrail")
    assert {row["developer"] for row in got.rows["apps"]} == {"111122223333.user.ann"}
    assert len(got.rows["apps"]) == 2
    assert got.only("developers", "developer") == [("111122223333.user.ann",)]


@pytest.mark.parametrize(
    ("given", "person"),
    [
        ({"resources": [{"ARN": "arn:aws:s3:::a"}], "requestParameters": None}, "arn:aws:s3:::a"),
        ({"resources": [{"type": "AWS::S3::Bucket"}]}, "arn:aws:s3:::letters"),
        ({"requestParameters": {"roleName": "x"}, "eventSource": "iam.amazonaws.com"},
         "arn:aws:iam::111122223333:role/x"),
        ({"requestParameters": {"bucketName": ""}}, "arn:aws:s3:us-east-1:111122223333:*"),
        ({"requestParameters": {"name": "/a/b"}, "eventSource": "ssm.amazonaws.com"},
         "arn:aws:ssm:us-east-1:111122223333:parameter/a/b"),
        ({"requestParameters": {"secretId": "arn:aws:secretsmanager:r:1:secret:s"},
          "eventSource": "secretsmanager.amazonaws.com"}, "arn:aws:secretsmanager:r:1:secret:s"),
        ({"requestParameters": None, "eventSource": "new.amazonaws.com", "awsRegion": None},
         "arn:aws:new::111122223333:*"),
    ],
)  # fmt: skip
def test_whose_data(one: Callable[..., dict[str, Any]], given: dict[str, Any], person: str) -> None:
    assert one(**given)["person"] == person


def test_an_event_about_several_is_a_read_of_each(read: Callable[..., Any]) -> None:
    items = {"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}, {"instanceId": "i-1"}]}}
    source = event(eventSource="ec2.amazonaws.com", requestParameters=items)
    got = read(lines(source), "log.jsonl", format="cloudtrail")
    start = "arn:aws:ec2:us-east-1:111122223333:instance/"
    assert got.only("reads", "read", "person") == [("e1", f"{start}i-1"), ("e1/2", f"{start}i-2")]
    assert got.source_rows == 1
    assert {row["account"] for row in got.rows["accounts"]} == {f"{start}i-1", f"{start}i-2"}


def test_files_as_they_are_delivered(read: Callable[..., Any], tmp_path: Path) -> None:
    document = json.dumps({"Records": [event(), event(eventID=None), event(eventID="e3")]}, indent=1).encode()
    path = tmp_path / "delivered.json.gz"
    path.write_bytes(gzip.compress(document))
    got = read(path, format="cloudtrail")
    assert got.only("reads", "read") == [("e1",), ("e3",)]
    assert got.reasons() == [(2, "eventID: missing")]


HOSTILE: list[tuple[bytes, str]] = [
    (b"[]", "not a JSON object"),
    (b"null", "not a JSON object"),
    (b'{"eventID": "e1"', "not JSON: Expecting ',' delimiter at column 17"),
    (b'{"a": 1, "a": 2}', "not JSON that can be taken: the same key twice"),
    (b'\xff{"eventID": "e1"}', "bytes that are not UTF-8"),
    (b"[" * 100_000, "JSON nested too deep"),
    (lines(event(userIdentity=None)), "userIdentity: missing"),
    (lines(event(userIdentity=["x"])), "userIdentity: no object"),
    (lines(event(userIdentity={"type": 7})), "type: no text"),
    (lines(event(eventID="")), "eventID: missing"),
    (lines(event(eventID=17)), "eventID: no text"),
    (lines(event(eventID="x" * 2_049)), "eventID: longer than 2,048 characters"),
    (lines(event(eventID="\0")), "a NUL character"),
    (lines(event(eventName="\ud800")), "half a surrogate pair"),
    (lines(event(eventTime="yesterday")), "eventTime: no date"),
    (lines(event(eventTime="1999-01-01T00:00:00Z")), "eventTime: out of range"),
    (lines(event(eventTime="9999-12-31T23:59:59-14:00")), "eventTime: no date"),
    (lines(event(eventSource=None)), "eventSource: missing"),
    (lines(event(requestParameters={"bucketName": "b" * 2_049})), "a resource's name: longer than 2,048 characters"),
]


@pytest.mark.parametrize(("line", "reason"), HOSTILE, ids=[reason for _, reason in HOSTILE])
def test_one_clear_reason_for_what_does_not_fit(read: Callable[..., Any], line: bytes, reason: str) -> None:
    got = read(lines(event()) + line.rstrip(b"\n") + b"\n" + lines(event(eventID="e9")), "l.jsonl", format="cloudtrail")
    assert got.reasons() == [(2, reason)]
    assert got.only("reads", "read") == [("e1",), ("e9",)]
    assert got.source_rows == 3


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "log.jsonl", "is empty"),
        (b'{"Records": [{"eventID"', "log.json", "is no JSON"),
        (b'{"Records": {"a": 1}}', "log.json", "are no list"),
        (b"eventID\n1\n", "log.csv", "Cannot tell"),
        (gzip.compress(b"{}" * 9_000)[:40], "log.jsonl.gz", "is damaged"),
    ],
)
def test_files_that_are_something_else(read: Callable[..., Any], content: bytes, name: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(content, name, format="cloudtrail")


def test_a_table_is_not_taken(read: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="takes no table"):
        read(lines(event()), "log.jsonl", format="cloudtrail", table="reads")


def test_the_keys_file(tmp_path: Path) -> None:
    key = open_key(tmp_path / "keys")
    assert open_key(tmp_path / "keys") == key
    assert (tmp_path / "keys" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert keyed_hash(key, "192.0.2.7") != keyed_hash(b"\0" * 32, "192.0.2.7")
    (tmp_path / "keys" / KEY_FILE).write_bytes(b"short")
    with pytest.raises(StorageError, match="5 bytes"):
        open_key(tmp_path / "keys")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be read"):
        open_key(tmp_path / "file")


def test_totals_of_the_example_agree_with_its_source(lake: Lake) -> None:
    report = import_files(lake, "cloudtrail", [EXAMPLE])
    said = EXAMPLE.with_name("SOURCE.md").read_text(encoding="utf-8")
    assert "2,900 events, 260 names of calls, 300 with an error. 1,146 carry" in said
    assert report.files[0].source_rows == 2_900
    reads = lake.read("reads", names=True).to_pylist()
    events = [row for row in reads if "/" not in row["read"]]
    assert len(events) == 2_900
    assert len({row["fields"][0].split(":", 1)[1] for row in events}) == 260
    assert sum(row["decision"] == "refused" for row in events) == 300
    assert len(reads) == report.tables["reads"].accepted == 2_946
    assert report.tables["reads"].rejected == 0
    assert Counter(row["happened_at"].date().isoformat() for row in reads) == {"2023-07-10": 2_946}
    again = import_files(lake, "cloudtrail", [EXAMPLE])
    assert again.tables["reads"].skipped == 2_946


def test_the_example_names_nobody() -> None:
    text = gzip.decompress(EXAMPLE.read_bytes()).decode()
    assert text.count('"userAgent":') == 2_900
    assert sum("stratus-red-team" in json.loads(line)["userAgent"] for line in text.splitlines()) == 1_146
    names = {json.loads(line)["userIdentity"].get("userName") for line in text.splitlines()} - {None}
    assert all(name.startswith(("user-", "stratus-red-team-")) for name in names)
    assert "sessionToken" not in text
