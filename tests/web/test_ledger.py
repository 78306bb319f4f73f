"""The ledger as outsiders fetch it, and the pages that say what it is."""

from __future__ import annotations

import html
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ombud.ledger.bundles import decode_bundle
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.cosigned import COSIGNED, LAG
from ombud.ledger.entries import Entry, encode_entry
from ombud.ledger.evidence import verify_evidence
from ombud.ledger.hashing import leaf_hashes
from ombud.ledger.notes import Verifier, open_note, parse_note
from ombud.ledger.policies import TrustPolicy
from ombud.ledger.proofs import TlogProof
from ombud.ledger.succession import start_anew
from ombud.ledger.tiles import bundle_path, decode_tile, tile_path
from ombud.ledger.writer import open_ledger
from ombud.model import clock
from ombud.model.workspace import Workspace
from ombud.records import open_records, outbox
from ombud.web.app import create_app
from ombud.web.ledger.files import _takes_gzip
from ombud.web.ledger.summaries import LONGEST, summary
from tests.web.client import Browser
from tests.web.conftest import NOBODY
from tests.web.ledger_seed import HOSTILE, LATER, ORIGIN, entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.web.seeding import World

SIZE = 600
COSIGNED_SIZE = SIZE - LATER


@pytest.fixture
def nobody(signed_in: dict[str, Browser]) -> Browser:
    return signed_in[NOBODY]


@pytest.fixture
def own(world: World, tmp_path: Path) -> Workspace:
    """Return a copy of the workspace whose ledger a test may change."""
    shutil.copytree(world.workspace.root, tmp_path / "workspace")
    return Workspace.open(tmp_path / "workspace")


@pytest.fixture
def visitor(own: Workspace) -> Iterator[Browser]:
    browser = Browser(create_app(own))
    yield browser
    browser.close()


def size_of(note: bytes) -> int:
    """Return how many entries a checkpoint names."""
    return Checkpoint.parse(parse_note(note).text).size


class TestCheckpoint:
    def test_is_the_cosigned_one_and_soon_stale(self, nobody: Browser, world: World) -> None:
        answer = nobody.get("/ledger/checkpoint")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=5"
        assert answer.content == (world.workspace.ledger_dir / COSIGNED).read_bytes()
        assert size_of(answer.content) == COSIGNED_SIZE
        trusted = TrustPolicy.parse(nobody.get("/ledger/policy").text).check(answer.content)
        assert trusted.witnesses == ("w1",)
        assert not trusted.quorum  # one of two is not more than half

    def test_is_the_newest_one_when_witnesses_do_not_keep_up(self, visitor: Browser, own: Workspace) -> None:
        with clock.frozen(datetime.now(UTC) + LAG + timedelta(minutes=1)):
            answer = visitor.get("/ledger/checkpoint")
        assert answer.content == (own.ledger_dir / "checkpoint").read_bytes()
        assert size_of(answer.content) == SIZE


class TestTiles:
    @pytest.mark.parametrize(
        ("path", "length"),
        [
            (tile_path(0, 0), 8192),
            (tile_path(0, 2, 88), 88 * 32),
            (tile_path(0, 2, 85), 85 * 32),
            (tile_path(1, 0, 2), 64),
        ],
    )
    def test_are_sent_for_ever(self, nobody: Browser, path: str, length: int) -> None:
        answer = nobody.get(f"/ledger/{path}", headers={"accept-encoding": "gzip"})
        assert answer.status_code == 200
        assert len(answer.content) == length
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "content-encoding" not in answer.headers

    def test_a_partial_tile_whose_full_one_is_there_is_still_sent(self, nobody: Browser) -> None:
        full = nobody.get(f"/ledger/{tile_path(0, 0)}").content
        assert nobody.get(f"/ledger/{tile_path(0, 0, 17)}").content == full[: 17 * 32]

    def test_bundles_hold_what_the_tiles_hash(self, nobody: Browser) -> None:
        data = nobody.get(f"/ledger/{bundle_path(2, 88)}").content
        hashes = decode_tile(nobody.get(f"/ledger/{tile_path(0, 2, 88)}").content, 88)
        assert leaf_hashes(decode_bundle(data, 88)) == hashes
        assert decode_bundle(data, 88) == entries(SIZE)[512:]

    def test_bundles_are_packed_for_those_who_ask(self, nobody: Browser) -> None:
        path = f"/ledger/{bundle_path(0)}"
        plain = nobody.get(path, headers={"accept-encoding": "identity"})
        packed = nobody.get(path, headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert {one.headers["vary"] for one in (plain, packed)} == {"Accept-Encoding"}
        assert packed.content == plain.content  # httpx unpacks
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3

    @pytest.mark.parametrize(
        ("accepted", "gzipped"),
        [
            ("", False),
            ("identity", False),
            ("gzip", True),
            ("br, GZIP;q=0.5", True),
            ("gzip;q=0", False),
            ("gzip; q=0.0", False),
            ("*", True),
            ("br;q=1, *;q=0", False),
        ],
    )
    def test_what_a_client_accepts_is_understood(self, accepted: str, *, gzipped: bool) -> None:
        assert _takes_gzip(accepted) is gzipped

    @pytest.mark.parametrize(
        "path",
        [
            "tile/0/003",
            "tile/0/002",
            "tile/0/002.p/89",
            "tile/0/002.p/256",
            "tile/0/002.p/0",
            "tile/0/002.p/",
            "tile/0/2",
            "tile/00/000",
            "tile/2/000.p/1",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/x000/000",
            "tile/0/x001/000",
            "tile/entries/003",
            "tile/entries/002.p/89",
            "tile/entries/",
            "tile/",
            "tile/0/000/",
            "tile//0/000",
            "tile/0/000%2Ep/5/..",
            "tile/%2e%2e/checkpoint",
            "tile/%2e%2e/%2e%2e/ombud.toml",
            "tile/..%2f..%2fkeys%2fledger.key",
            "tile/0/000%00",
            "tile/0/\u0660\u0660\u0660",
            "tile/0/" + "x000/" * 5000 + "000",
            "tile/0/" + "9" * 4000,
            "keys/ledger.key",
            ".lock",
            "checkpoint.cosigned",
            "rotation/1",
            "rotation/x",
            "proof/600",
            "proof/-1",
            "proof/00",
            "proof/1.5",
            "proof/" + "9" * 30,
            "proof/x",
            "entry/600",
            "entry/x",
            "entry/007",
        ],
    )
    def test_odd_addresses_are_nowhere(self, nobody: Browser, path: str) -> None:
        answer = nobody.ask("GET", f"/ledger/{path}")
        assert answer.status_code == 404, answer.text[:200]
        assert b"PRIVATE" not in answer.content

    def test_what_no_checkpoint_covers_is_not_sent(self, visitor: Browser, own: Workspace) -> None:
        """A crash may have left files that will be written anew, with other entries."""
        for path in (tile_path(0, 3, 1), bundle_path(3, 1), tile_path(0, 2), bundle_path(2)):
            target = own.ledger_dir / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(bytes(8192))
            assert visitor.get(f"/ledger/{path}").status_code == 404


class TestOtherFiles:
    def test_keys(self, nobody: Browser, world: World) -> None:
        folder = world.workspace.ledger_dir
        assert nobody.get("/ledger/vkey").content == (folder / "vkey").read_bytes()
        assert nobody.get("/ledger/vkeys").content == (folder / "vkeys").read_bytes()

    def test_a_changed_key_can_be_followed(self, visitor: Browser, own: Workspace) -> None:
        with open_ledger(own) as ledger:
            before, after = ledger.vkey, ledger.rotate("test")
        assert visitor.get("/ledger/vkey").text.strip() == after
        both = visitor.get(f"/ledger/rotation/{SIZE + 1}").content
        assert len(open_note(both, [Verifier.parse(before), Verifier.parse(after)]).signatures) == 2
        page = html.unescape(visitor.get("/ledger").text)
        assert before in page
        assert after in page
        assert "follows" in visitor.get(f"/ledger/entry/{SIZE}").text

    def test_verify_py_is_the_program_itself(self, nobody: Browser) -> None:
        answer = nobody.get("/ledger/verify.py")
        assert answer.headers["content-type"].startswith("text/x-python")
        compile(answer.text, "verify.py", "exec")
        assert "import ombud" not in answer.text

    @pytest.mark.parametrize(("index", "size"), [(0, COSIGNED_SIZE), (596, COSIGNED_SIZE), (597, SIZE), (599, SIZE)])
    def test_proofs_prove(self, nobody: Browser, index: int, size: int) -> None:
        """From the cosigned checkpoint where that covers the entry."""
        answer = nobody.get(f"/ledger/proof/{index}")
        assert answer.headers["content-disposition"] == f'attachment; filename="entry-{index}.tlog-proof"'
        key = Verifier.parse(nobody.get("/ledger/vkey").text.strip())
        found = verify_evidence(TlogProof.parse(answer.content), [key])
        assert (found.index, found.checkpoint.size, found.checkpoint.origin) == (index, size, ORIGIN)
        assert found.entry == entries(SIZE)[index]

    def test_policy_is_a_policy(self, nobody: Browser) -> None:
        answer = nobody.get("/ledger/policy")
        policy = TrustPolicy.parse(answer.content)
        assert [one.verifier.name for one in policy.witnesses.values()] == ["first.example/w", "second.example/w"]
        assert policy.groups["witnesses"].threshold == 2
        assert list(policy.logs) == [nobody.get("/ledger/vkey").text.strip()]


class TestEndedLogs:
    def test_stay_for_whoever_wants_to_check_them(self, visitor: Browser, own: Workspace) -> None:
        before = visitor.get("/ledger/vkey").text.strip()
        old = {path: visitor.get(f"/ledger/{path}").content for path in ("checkpoint", "vkeys", bundle_path(1))}
        for name in ("log.example/second", "log.example/third"):
            start_anew(own.ledger_dir, own.keys_dir, "test", origin=name)
        assert size_of(visitor.get("/ledger/checkpoint").content) == 1
        assert size_of(visitor.get("/ledger/frozen/checkpoint").content) == 1
        for path, content in old.items():
            assert visitor.get(f"/ledger/frozen/frozen/{path}").content == content
        assert visitor.get("/ledger/frozen/frozen/vkey").text.strip() == before
        answer = visitor.get(f"/ledger/frozen/frozen/{tile_path(0, 0)}")
        assert answer.headers["cache-control"].endswith("immutable")
        text = visitor.get("/ledger/entry/0").text
        assert "Takes the place of log.example/second, which ended with 1 entry" in text.replace("\u00a0", " ")

    @pytest.mark.parametrize(
        "path", ["", "checkpoint", "vkey", "frozen/" * 40 + "vkey", "frozen", "rotation/1", "tile/0/000", "x"]
    )
    def test_are_nowhere_when_there_is_none(self, nobody: Browser, path: str) -> None:
        assert nobody.get(f"/ledger/frozen/{path}").status_code == 404

    @pytest.mark.parametrize(
        "path", ["", "keys", ".lock", "tile/", "rotation/x", "rotation/1", "%2e%2e/vkey", "tile/9"]
    )
    def test_have_no_other_files(self, visitor: Browser, own: Workspace, path: str) -> None:
        start_anew(own.ledger_dir, own.keys_dir, "test", origin="log.example/second")
        assert visitor.get(f"/ledger/frozen/{path}").status_code == 404


class TestWithoutWitnesses:
    @pytest.fixture(autouse=True)
    def _none(self, own: Workspace) -> None:
        settings = own.root / "ombud.toml"
        settings.write_text(settings.read_text().partition("ledger_witnesses")[0])
        (own.ledger_dir / COSIGNED).unlink()

    @pytest.fixture
    def alone(self, own: Workspace) -> Iterator[Browser]:
        browser = Browser(create_app(Workspace.open(own.root)))
        yield browser
        browser.close()

    def test_the_page_says_unwitnessed(self, alone: Browser) -> None:
        page = alone.get("/ledger")
        assert "it is unwitnessed" in page.text
        assert "Nobody outside" in page.text
        document = alone.get("/ledger.json").json()
        assert (document["witnesses"], document["witnessed"], document["log"]["witnessed"]) == ([], 0, None)

    def test_the_policy_asks_for_none(self, alone: Browser) -> None:
        policy = TrustPolicy.parse(alone.get("/ledger/policy").content)
        assert policy.quorum is None
        assert policy.check(alone.get("/ledger/checkpoint").content).quorum

    def test_an_entry_says_that_nobody_cosigned_it(self, alone: Browser) -> None:
        assert "No witness has cosigned it yet" in alone.get("/ledger/entry/3").text


def test_a_wrong_setting_is_not_told_to_the_public(own: Workspace) -> None:
    settings = own.root / "ombud.toml"
    settings.write_text(settings.read_text().partition("ledger_witnesses")[0] + 'ledger_witnesses = ["secret words"]\n')
    browser = Browser(create_app(Workspace.open(own.root)))
    answers = [browser.get(path) for path in ("/ledger/policy", "/ledger", "/ledger/checkpoint", "/ledger/entry/3")]
    browser.close()
    assert [one.status_code for one in answers] == [503, 200, 200, 200]
    assert not [one for one in answers if "secret words" in one.text]


def test_a_witness_beside_the_log_does_not_count(own: Workspace) -> None:
    settings = own.root / "ombud.toml"
    settings.write_text(settings.read_text().replace("http://first.example", "http://127.0.0.1:8787"))
    browser = Browser(create_app(Workspace.open(own.root)))
    page, document = browser.get("/ledger").text, browser.get("/ledger.json").json()
    entry = browser.get("/ledger/entry/3").text
    browser.close()
    assert "it is unwitnessed" in page
    assert "runs beside the log, so it does not count" in page
    assert (document["witnessed"], document["witnesses"][0]["size"]) == (0, COSIGNED_SIZE)
    assert "No witness has cosigned it yet" in entry


def test_when_it_was_last_added_to_is_what_its_newest_entry_says(own: Workspace) -> None:
    with closing(Browser(create_app(own))) as visitor:  # of a copy that was made just now
        document = visitor.get("/ledger.json").json()
        assert document["log"]["changed_at"] == document["rows"][0]["at"] == "2026-11-21T09:59:00Z"
        with open_ledger(own) as ledger:
            ledger.append([encode_entry("decision", {"decision": "d1"})])
        assert visitor.get("/ledger.json").json()["log"]["changed_at"] is None
        assert "not stated" in visitor.get("/ledger").text


class TestPages:
    def test_says_how_it_stands(self, nobody: Browser) -> None:
        document = nobody.get("/ledger.json").json()
        assert document["log"]["origin"] == ORIGIN
        assert (document["log"]["size"], document["log"]["published"]) == (SIZE, COSIGNED_SIZE)
        assert document["log"]["witnessed"] == COSIGNED_SIZE
        assert [(one["name"], one["size"]) for one in document["witnesses"]] == [
            ("first.example/w", COSIGNED_SIZE),
            ("second.example/w", None),
        ]
        assert document["coverage"]["share"] == 0.9987
        text = nobody.get("/ledger").text
        assert "vouches for the first 597" in text.replace("\u00a0", " ")
        assert "has not cosigned" in text

    def test_coverage_is_found_behind_many_other_entries(self, visitor: Browser, own: Workspace) -> None:
        with open_records(own) as records:
            with records.begin() as tx:
                row = outbox.append(tx, "coverage", {"share": 0.5})
            with open_ledger(own) as ledger:
                index = ledger.append(
                    [encode_entry("coverage", {"share": 0.5, "outbox": row, "recorded": "2026-11-22"})]
                )
                with records.begin() as tx:
                    outbox.published(tx, {row: index})
                assert visitor.get("/ledger.json").json()["coverage"]["share"] == 0.5
                ledger.append([encode_entry("coverage", {"share": "unknown"})])
                assert visitor.get("/ledger.json").json()["coverage"]["share"] is None
                ledger.append([encode_entry("app", {"app": f"coverage{n}"}) for n in range(2100)])
        found = visitor.get("/ledger.json").json()["coverage"]
        assert (found["index"], found["share"], found["at"]) == (index, 0.5, "2026-11-22T00:00:00Z")

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            (
                {"share": 1, "canaries": 24, "egress": 0.9, "missing_batches": 2},
                ["100 %", "of 24 test reads", "at least"],
            ),
            (
                {"share": 1, "canaries": 24, "egress": 0.9, "missing_batches": 2},
                ["85.8 %", "90 %", "2 batches missing"],
            ),
            ({"share": None, "canaries": 0, "egress": None, "missing_batches": 0}, ["no test reads", "None was due"]),
            ({"share": 7, "canaries": -1, "egress": "x", "missing_batches": 1e300}, ["no test reads"]),
        ],
    )
    def test_coverage_has_its_number_and_interval(
        self, visitor: Browser, own: Workspace, body: dict[str, Any], says: list[str]
    ) -> None:
        with open_ledger(own) as ledger:
            ledger.append([encode_entry("coverage", body)])
        text = html.unescape(visitor.get("/ledger").text).replace("\u00a0", " ")
        assert [one for one in says if one not in text] == []

    def test_counts_by_type(self, nobody: Browser) -> None:
        document = nobody.get("/ledger.json").json()
        counts = {line["type"]: line["entries"] for line in document["types"]}
        assert sum(counts.values()) == document["looked_at"] == SIZE
        assert counts["import"] == 15
        assert {row["type"] for row in nobody.get("/ledger.json?type=import").json()["rows"]} == {"import"}
        assert nobody.get("/ledger.json?type=erase").json()["rows"] == []
        assert nobody.get("/ledger.json?type=nonsense").json()["chosen"] == ""

    def test_the_commands_name_this_place(self, nobody: Browser) -> None:
        text = html.unescape(nobody.get("/ledger").text)
        key = nobody.get("/ledger/vkey").text.strip()
        assert f"--vkey '{key}'" in text
        assert "curl -O http://127.0.0.1:8000/ledger/verify.py" in text
        assert "/ledger/proof/596" in text

    def test_hostile_entries_are_words(self, nobody: Browser) -> None:
        for path in ("/ledger", f"/ledger/entry/{SIZE - 2}"):
            text = nobody.get(path).text
            assert "<script>alert" not in text
            assert HOSTILE[:20] in html.unescape(text)

    def test_an_entry_with_its_proof_and_neighbours(self, nobody: Browser) -> None:
        document: dict[str, Any] = nobody.get("/ledger/entry/20.json").json()
        assert document["canonical"] == entries(SIZE)[20].decode()
        assert (document["before"], document["after"], document["total"]) == (19, 21, SIZE)
        assert document["witnessed"]
        assert document["leaf"] == leaf_hashes([entries(SIZE)[20]])[0].hex()
        proof = TlogProof.parse(nobody.get("/ledger/proof/20").content)
        assert len(document["proof"]) == len(proof.proof)
        first, last = (nobody.get(f"/ledger/entry/{n}.json").json() for n in (0, SIZE - 1))
        assert (first["before"], last["after"], last["witnessed"]) == (None, None, False)

    def test_without_a_ledger_the_page_says_so(self, visitor: Browser, own: Workspace) -> None:
        shutil.rmtree(own.ledger_dir)
        assert "has not begun yet" in visitor.get("/ledger").text
        for path in ("checkpoint", "vkey", "policy", "proof/0", "entry/0", "tile/0/000"):
            assert visitor.get(f"/ledger/{path}").status_code == 404

    def test_damage_is_told_without_a_trace(self, visitor: Browser, own: Workspace) -> None:
        (own.ledger_dir / bundle_path(2, 88)).write_bytes(b"garbage")
        for path in ("/ledger", f"/ledger/entry/{SIZE - 1}", f"/ledger/proof/{SIZE - 1}"):
            answer = visitor.get(path)
            assert answer.status_code == 503
            assert "ombud ledger fsck" in answer.text
        (own.ledger_dir / "checkpoint").write_bytes(b"garbage")
        assert visitor.get("/ledger/checkpoint").status_code == 503

    def test_an_empty_log_has_a_page(self, visitor: Browser, own: Workspace) -> None:
        shutil.rmtree(own.ledger_dir)
        shutil.rmtree(own.keys_dir)
        open_ledger(own).close()
        text = visitor.get("/ledger").text
        assert "The ledger is empty" in text
        assert "nothing to check" in text


class TestSummaries:
    @pytest.mark.parametrize(
        ("kind", "body", "says"),
        [
            ("reads", {"batch": "b1", "padded": 1024}, "b1: at most 1,024 rows"),
            ("reads", {}, "A batch of reads of people's data, as commitments under one root"),
            ("import", {"files": [{"rows": 3, "table": "posts"}], "removed": []}, "1 file with 3 rows of posts"),
            ("import", {"files": [{}, {"rows": True}, 7], "removed": [1]}, "2 files; 1 gone"),
            ("import", {"files": [{"table": "reads"}, {"rows": 1, "table": "batches"}]}, "2 files of batches, reads"),
            ("import", {"files": [], "removed": []}, "Files became the lake, or took the place of others"),
            ("erase", {"tables": {"posts": 3, "ads": 1}}, "Rows of ads, posts"),
            ("coverage", {"share": 1}, "100.0\u00a0% of test reads were found"),
            ("coverage", {"share": 0.9, "canaries": 1000}, "90.0\u00a0% of 1,000 test reads were found"),
            ("coverage", {"share": True}, "How much of what left is on the ledger"),
            ("key", {"old": "n+aa+x", "new": "n+bb+y", "reason": "yearly"}, "Key bb follows aa: yearly"),
            ("key", {"old": 5}, "The log's key was changed; the checkpoint with this entry is signed by both"),
            ("continues", {"origin": "o", "size": 7}, "Takes the place of o, which ended with 7 entries"),
            ("policy", {"hash": "ab" * 32}, "Policy " + "ab" * 6),
            ("app", {"app": "quiz"}, "App quiz"),
            ("nothing known", {}, "An entry that this version of Ombud does not know"),
        ],
    )
    def test_say_what_the_entry_states_and_no_more(self, kind: str, body: dict[str, Any], says: str) -> None:
        assert summary(Entry(kind, 1, body)) == says

    def test_are_short(self) -> None:
        assert len(summary(Entry("app", 1, {"app": "x" * 5000}))) == LONGEST


def test_a_packed_bundle_is_the_same_each_time(nobody: Browser) -> None:
    path = f"/ledger/{bundle_path(1)}"
    lengths = {nobody.get(path, headers={"accept-encoding": "gzip"}).headers["content-length"] for _ in range(2)}
    assert len(lengths) == 1
