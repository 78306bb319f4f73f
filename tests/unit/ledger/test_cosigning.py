"""Witnesses are asked, each by itself; what they sign is kept, and a fork is never passed over."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.ledger.cosigned import COSIGNED, LAG, head_of, keep, log_keys
from ombud.ledger.cosigning import MAX_ANSWER, CosignReport, WitnessAddress, addresses, cosign, seen_by
from ombud.ledger.disk import RealDisk
from ombud.ledger.entries import encode_entry
from ombud.ledger.faults import AbsentError, FormatError, LogError, SignatureError
from ombud.ledger.notes import Cosigner, add_signatures, open_note, parse_note
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.submissions import SIZE_TYPE
from ombud.ledger.witness import Witness
from ombud.ledger.witness_state import log_id
from ombud.ledger.writer import Ledger
from ombud.model import clock
from ombud.model.errors import BusyError
from tests.unit.ledger.lying import LyingLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ombud.ledger.notes import Signature, Verifier

ORIGIN = "log.example/a"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def entries(count: int, what: str = "a") -> list[bytes]:
    """Return `count` entries."""
    return [encode_entry("policy", {"hash": f"{what}{n}"}) for n in range(count)]


def grow(folder: Path, count: int, what: str = "a") -> int:
    """Append to the log in `folder`, as its own process would, and return its size."""
    with Ledger.open(folder / "ledger", folder / "keys", origin=ORIGIN) as ledger:
        ledger.append(entries(count, what))
        return ledger.size


@dataclass
class Net:
    """Witnesses by host, and what else may stand at an address."""

    witnesses: dict[str, Witness] = field(default_factory=dict)
    answers: dict[str, Callable[[httpx.Request], httpx.Response]] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host in self.answers:
            return self.answers[host](request)
        if host not in self.witnesses:
            raise httpx.ConnectError("nobody there")
        assert request.url.path == "/sub/add-checkpoint"
        answer = self.witnesses[host].add_checkpoint(request.content)
        self.asked.append((host, answer.status))
        return httpx.Response(answer.status, content=answer.body, headers={"content-type": answer.media_type})

    def client(self) -> httpx.Client:
        """Return a client for this net."""
        return httpx.Client(transport=httpx.MockTransport(self))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    grow(tmp_path, 5)
    return tmp_path


@pytest.fixture
def net(folder: Path) -> Iterator[Net]:
    made = Net()
    (key,) = log_keys(folder / "ledger")
    for name in ("w1.example", "w2.example"):
        made.witnesses[name] = Witness.open(folder / name, [key.vkey], name=name)
    with clock.frozen(NOW):
        yield made
    for witness in made.witnesses.values():
        witness.close()


def address(net: Net, name: str, which: int = 0) -> WitnessAddress:
    """Return where a witness of `net` is."""
    return WitnessAddress(net.witnesses[name].cosigners[which].verifier, f"https://{name}/sub")


def ask(folder: Path, net: Net, *names: str) -> CosignReport:
    """Ask the witnesses of these names, by default both."""
    return cosign(folder / "ledger", [address(net, name) for name in names or net.witnesses], net.client())


class TestAsking:
    def test_both_cosign_and_it_is_kept(self, folder: Path, net: Net) -> None:
        report = ask(folder, net)
        assert (report.size, report.kept, report.cosigned) == (5, True, ["w1.example", "w2.example"])
        assert report.forked == []
        note = (folder / "ledger" / COSIGNED).read_bytes()
        assert note.startswith(DirectoryLog(folder / "ledger").checkpoint())
        opened = open_note(note, [address(net, name).verifier for name in net.witnesses])
        assert opened.verified == ("w1.example", "w2.example")

    def test_a_grown_log_is_proved_from_what_was_cosigned(self, folder: Path, net: Net) -> None:
        ask(folder, net)
        for size in (6, 260, 700):
            grow(folder, size - head_of(folder / "ledger").checkpoint.size)
            net.asked.clear()
            assert ask(folder, net).size == size
            assert [status for _, status in net.asked] == [200, 200]

    def test_a_witness_that_saw_another_size_gets_its_proof(self, folder: Path, net: Net) -> None:
        ask(folder, net)
        grow(folder, 300)
        ask(folder, net, "w1.example")
        grow(folder, 10)
        net.asked.clear()
        assert ask(folder, net).cosigned == ["w1.example", "w2.example"]
        assert sorted(net.asked) == [("w1.example", 200), ("w2.example", 200), ("w2.example", 409)]

    def test_a_forgotten_file_is_no_harm(self, folder: Path, net: Net) -> None:
        ask(folder, net)
        (folder / "ledger" / COSIGNED).unlink()
        grow(folder, 1)
        assert ask(folder, net).cosigned == ["w1.example", "w2.example"]
        assert [status for _, status in net.asked[2:]].count(409) == 2

    def test_the_same_checkpoint_again_gets_a_new_time(self, folder: Path, net: Net) -> None:
        ask(folder, net)
        with clock.frozen(NOW + timedelta(hours=2)):
            assert ask(folder, net).kept
            assert head_of(folder / "ledger").cosigned_at == NOW + timedelta(hours=2)

    def test_an_empty_log_can_be_cosigned(self, tmp_path: Path, net: Net) -> None:
        (tmp_path / "other").mkdir()
        Ledger.open(tmp_path / "other" / "ledger", tmp_path / "other" / "keys", origin="log.example/b").close()
        (key,) = log_keys(tmp_path / "other" / "ledger")
        net.witnesses["w3.example"] = Witness.open(tmp_path / "w3", [key.vkey], name="w3.example")
        report = cosign(tmp_path / "other" / "ledger", [address(net, "w3.example")], net.client())
        assert (report.size, report.cosigned) == (0, ["w3.example"])

    def test_keys_of_both_kinds_are_taken(self, folder: Path, net: Net) -> None:
        report = cosign(folder / "ledger", [address(net, "w1.example", 1)], net.client())
        assert report.cosigned == ["w1.example"]
        (line,) = parse_note((folder / "ledger" / COSIGNED).read_bytes()).signatures[1:]
        assert len(line.blob) > 2000

    def test_without_witnesses_nothing_is_kept(self, folder: Path, net: Net) -> None:
        report = cosign(folder / "ledger", [], net.client())
        assert (report.asked, report.kept) == ([], False)
        assert not (folder / "ledger" / COSIGNED).exists()

    def test_without_a_log_it_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(AbsentError):
            cosign(tmp_path, [], Net().client())

    def test_a_checkpoint_that_the_log_did_not_sign_is_not_sent(self, folder: Path, net: Net) -> None:
        path = folder / "ledger" / "checkpoint"
        path.write_bytes(path.read_bytes().replace(b"\n5\n", b"\n4\n"))
        with pytest.raises(SignatureError):
            ask(folder, net)
        assert net.asked == []


class TestFailures:
    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            (lambda _: httpx.Response(500, content=b"oh\nno"), "answers 500: oh"),
            (lambda _: httpx.Response(404), "answers 404"),
            (lambda _: httpx.Response(302, headers={"location": "https://elsewhere.example/"}), "answers 302"),
            (lambda _: httpx.Response(200, content=b""), ""),
            (lambda _: httpx.Response(200, content="— w1.example AAAA\n".encode()), ""),
            (lambda _: httpx.Response(200, content=b"x" * (MAX_ANSWER + 1)), "too long"),
            (lambda _: httpx.Response(409, content=b"many\n", headers={"content-type": SIZE_TYPE}), "no number"),
            (lambda _: httpx.Response(409, content=b"\xff\xfe"), "no number"),
        ],
    )
    def test_one_that_is_wrong_keeps_no_other_from_signing(
        self, folder: Path, net: Net, answer: Callable[[httpx.Request], httpx.Response], says: str
    ) -> None:
        net.answers["w1.example"] = answer
        report = ask(folder, net)
        assert [one.outcome for one in report.asked] == ["refused", "cosigned"]
        assert says in report.asked[0].says
        assert report.kept
        assert head_of(folder / "ledger").cosigned_size == 5

    @pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
    def test_one_that_is_down_keeps_no_other_from_signing(
        self, folder: Path, net: Net, error: type[httpx.TransportError]
    ) -> None:
        def fail(_: httpx.Request) -> httpx.Response:
            raise error("no")

        net.answers["w2.example"] = fail
        report = ask(folder, net)
        assert [one.outcome for one in report.asked] == ["cosigned", "unreachable"]
        assert error.__name__ in report.asked[1].says

    def test_a_witness_that_moves_all_the_time_is_left_for_the_next_time(self, folder: Path, net: Net) -> None:
        sizes = iter([3, 2, 4, 1, 3, 2])
        net.answers["w1.example"] = lambda _: httpx.Response(409, content=f"{next(sizes)}\n".encode())
        assert "changed with each question" in ask(folder, net).asked[0].says

    def test_a_line_by_another_key_is_not_a_cosignature(self, folder: Path, net: Net) -> None:
        impostor = Cosigner("w1.example", Ed25519PrivateKey.generate())
        text = parse_note(DirectoryLog(folder / "ledger").checkpoint()).text
        net.answers["w1.example"] = lambda _: httpx.Response(200, content=impostor.sign(text).line().encode())
        assert ask(folder, net, "w1.example").cosigned == []
        assert not (folder / "ledger" / COSIGNED).exists()

    @pytest.mark.parametrize("off", [timedelta(days=400), timedelta(hours=-2)])
    def test_a_clock_that_is_far_off_is_refused(self, folder: Path, net: Net, off: timedelta) -> None:
        with clock.frozen(NOW + off):
            early = net.witnesses["w1.example"].add_checkpoint(
                b"old 0\n\n" + DirectoryLog(folder / "ledger").checkpoint()
            )
        net.answers["w1.example"] = lambda _: httpx.Response(200, content=early.body)
        assert "clock" in ask(folder, net, "w1.example").asked[0].says

    def test_two_at_a_time_keep_out_of_each_others_way(self, folder: Path, net: Net) -> None:
        first = ask(folder, net, "w1.example")
        assert first.kept
        lock = RealDisk().lock(folder / "ledger" / ".cosign.lock")
        with pytest.raises(BusyError):
            ask(folder, net)
        lock.close()
        assert ask(folder, net).kept


class TestWhatAWitnessHolds:
    def seen(self, net: Net, answer: httpx.Response | httpx.HTTPError) -> tuple[bool, bytes | None]:
        """Ask a witness that answers so."""

        def handle(request: httpx.Request) -> httpx.Response:
            assert request.url.path == f"/sub/{log_id(ORIGIN)}/checkpoint"
            if isinstance(answer, httpx.HTTPError):
                raise answer
            return answer

        client = httpx.Client(transport=httpx.MockTransport(handle))
        return seen_by(address(net, "w1.example"), ORIGIN, client)

    def test_is_its_newest_checkpoint(self, folder: Path, net: Net) -> None:
        ask(folder, net)
        note = net.witnesses["w1.example"].latest(log_id(ORIGIN)) or b""
        assert self.seen(net, httpx.Response(200, content=note)) == (True, note)

    def test_may_be_nothing(self, net: Net) -> None:
        assert self.seen(net, httpx.Response(404)) == (True, None)

    def test_is_not_known_when_it_does_not_answer_as_itself(self, folder: Path, net: Net) -> None:
        unsigned = DirectoryLog(folder / "ledger").checkpoint()
        for answer in (
            httpx.Response(200, content=unsigned),
            httpx.Response(200, content=b"hello"),
            httpx.Response(500),
            httpx.ConnectError("no"),
        ):
            assert self.seen(net, answer) == (False, None)


class TestForks:
    def test_a_log_from_an_older_copy_is_found_out(
        self, folder: Path, net: Net, caplog: pytest.LogCaptureFixture
    ) -> None:
        shutil.copytree(folder / "ledger", folder / "old" / "ledger")
        shutil.copytree(folder / "keys", folder / "old" / "keys")
        grow(folder, 4)
        ask(folder, net)
        with caplog.at_level(logging.CRITICAL):
            behind = ask(folder / "old", net)
        assert [one.outcome for one in behind.forked] == ["ahead", "ahead"]
        assert "older copy" in caplog.text
        grow(folder / "old", 4, "b")
        assert [one.outcome for one in ask(folder / "old", net).asked] == ["forked", "forked"]
        grow(folder / "old", 4, "b")
        later = ask(folder / "old", net)
        assert [one.outcome for one in later.asked] == ["forked", "forked"]
        assert not later.kept
        assert not (folder / "old" / "ledger" / COSIGNED).exists()
        assert ask(folder, net).cosigned == ["w1.example", "w2.example"]

    def test_a_cosigned_checkpoint_that_the_log_does_not_continue_is_not_shown(self, folder: Path, net: Net) -> None:
        shutil.copytree(folder / "ledger", folder / "old" / "ledger")
        shutil.copytree(folder / "keys", folder / "old" / "keys")
        grow(folder, 4)
        ask(folder, net)
        for more in (2, 2, 2):
            shutil.copy(folder / "ledger" / COSIGNED, folder / "old" / "ledger" / COSIGNED)
            head = head_of(folder / "old" / "ledger")
            assert head.cosigned is None
            assert head.published == head.newest == DirectoryLog(folder / "old" / "ledger").checkpoint()
            grow(folder / "old", more, "b")


class TestWhatIsShown:
    def test_the_cosigned_one_while_it_is_new(self, folder: Path, net: Net) -> None:
        newest = DirectoryLog(folder / "ledger").checkpoint()
        assert head_of(folder / "ledger").published == newest
        ask(folder, net)
        whole = (folder / "ledger" / COSIGNED).read_bytes()
        head = head_of(folder / "ledger")
        assert head.published == head.cosigned == head.newest == whole
        assert head.cosigned_at == NOW
        grow(folder, 1)
        head = head_of(folder / "ledger")
        assert (head.published, head.published_size, head.checkpoint.size) == (whole, 5, 6)
        with clock.frozen(NOW + LAG + timedelta(seconds=1)):
            head = head_of(folder / "ledger")
            assert head.published == DirectoryLog(folder / "ledger").checkpoint()
            assert head.published_size == 6
            assert head.cosigned == whole

    def test_the_cosigned_one_for_ever_when_nothing_was_added(self, folder: Path, net: Net) -> None:
        ask(folder, net)
        with clock.frozen(NOW + timedelta(days=1000)):
            assert head_of(folder / "ledger").published == (folder / "ledger" / COSIGNED).read_bytes()

    @pytest.mark.parametrize("damage", [b"", b"garbage", b"a\n\nb\n"])
    def test_a_damaged_file_is_as_none(self, folder: Path, net: Net, damage: bytes) -> None:
        ask(folder, net)
        (folder / "ledger" / COSIGNED).write_bytes(damage)
        head = head_of(folder / "ledger")
        assert (head.cosigned, head.published) == (None, DirectoryLog(folder / "ledger").checkpoint())
        assert ask(folder, net).kept

    def test_without_a_log_there_is_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(LogError):
            head_of(tmp_path)


class TestKeeping:
    def lines(self, folder: Path, net: Net, *names: str) -> tuple[bytes, list[Signature]]:
        """Return the newest checkpoint and cosignatures of it, without any witness being asked."""
        note = DirectoryLog(folder / "ledger").checkpoint()
        text = parse_note(note).text
        return note, [net.witnesses[name].cosigners[0].sign(text) for name in names]

    def keys(self, net: Net) -> list[Verifier]:
        """Return the keys of all witnesses."""
        return [address(net, name).verifier for name in net.witnesses]

    def test_lines_of_one_checkpoint_are_put_together(self, folder: Path, net: Net) -> None:
        for name in net.witnesses:
            note, lines = self.lines(folder, net, name)
            assert keep(folder / "ledger", note, lines, self.keys(net))
        opened = open_note((folder / "ledger" / COSIGNED).read_bytes(), self.keys(net))
        assert opened.verified == ("w1.example", "w2.example")

    def test_an_older_one_never_replaces_a_newer_one(self, folder: Path, net: Net) -> None:
        note, lines = self.lines(folder, net, *net.witnesses)
        grow(folder, 1)
        newer, one_line = self.lines(folder, net, "w1.example")
        assert keep(folder / "ledger", newer, one_line, self.keys(net))
        assert not keep(folder / "ledger", note, lines, self.keys(net))
        assert head_of(folder / "ledger").cosigned_size == 6

    def test_fewer_witnesses_wait_until_the_older_one_is_no_longer_shown(self, folder: Path, net: Net) -> None:
        note, lines = self.lines(folder, net, *net.witnesses)
        assert keep(folder / "ledger", note, lines, self.keys(net))
        grow(folder, 1)
        newer, one_line = self.lines(folder, net, "w1.example")
        assert not keep(folder / "ledger", newer, one_line, self.keys(net))
        assert head_of(folder / "ledger").published_size == 5
        with clock.frozen(NOW + LAG + timedelta(seconds=1)):
            newer, one_line = self.lines(folder, net, "w1.example")
            assert keep(folder / "ledger", newer, one_line, self.keys(net))
            assert head_of(folder / "ledger").published_size == 6

    def test_what_is_not_signed_is_not_kept(self, folder: Path, net: Net) -> None:
        note, lines = self.lines(folder, net, "w1.example")
        with pytest.raises(SignatureError):
            keep(folder / "ledger", LyingLog(ORIGIN, 7).grow(5).checkpoint(), [], self.keys(net))
        grow(folder, 1)
        with pytest.raises(SignatureError):
            keep(folder / "ledger", DirectoryLog(folder / "ledger").checkpoint(), lines, self.keys(net))
        assert not keep(folder / "ledger", note, [], self.keys(net))
        stranger = Cosigner("stranger", Ed25519PrivateKey.generate())
        assert not keep(folder / "ledger", note, [stranger.sign(parse_note(note).text)], self.keys(net))
        assert not (folder / "ledger" / COSIGNED).exists()

    def test_a_witness_s_line_alone_is_no_checkpoint_of_the_log(self, folder: Path, net: Net) -> None:
        note, lines = self.lines(folder, net, "w1.example")
        text = parse_note(note).text
        alone = (f"{text}\n{lines[0].line()}").encode()
        with pytest.raises(SignatureError, match="did not sign"):
            keep(folder / "ledger", alone, [], self.keys(net))
        assert keep(folder / "ledger", add_signatures(note, lines), [], self.keys(net))


class TestAddresses:
    def test_are_a_key_and_an_address(self, net: Net) -> None:
        line = f"{address(net, 'w1.example').verifier.vkey} https://w1.example/sub/"
        (found,) = addresses([line])
        assert found == address(net, "w1.example")

    @pytest.mark.parametrize(
        "line",
        ["", "{}", "{} ", "{} ftp://w", "{} https://", "{} https://u:p@w/", "{} https://w/?q", "{} https://[", "x"],
    )
    def test_anything_else_is_refused(self, net: Net, line: str) -> None:
        with pytest.raises(FormatError, match=r"`ledger_witnesses` in ombud\.toml"):
            addresses([line.format(address(net, "w1.example").verifier.vkey)])

    def test_a_logs_key_is_no_witness(self, folder: Path) -> None:
        (key,) = log_keys(folder / "ledger")
        with pytest.raises(FormatError, match="not the key of a witness"):
            addresses([f"{key.vkey} https://w1.example"])

    def test_one_key_stands_once(self, net: Net) -> None:
        vkey = address(net, "w1.example").verifier.vkey
        with pytest.raises(FormatError, match="same key"):
            addresses([f"{vkey} https://a.example", f"{vkey} https://b.example"])

    @pytest.mark.parametrize(
        ("host", "outside"),
        [
            ("w.example", True),
            ("192.0.2.1", True),
            ("127.0.0.1:80", False),
            ("127.8.8.8", False),
            ("[::1]:80", False),
            ("localhost", False),
            ("w.localhost:80", False),
        ],
    )
    def test_a_witness_beside_its_log_is_not_outside(self, net: Net, host: str, *, outside: bool) -> None:
        vkey = address(net, "w1.example").verifier.vkey
        assert WitnessAddress.parse(f"{vkey} http://{host}").outside is outside
