"""The document for a court: everything it must hold, as text that was read back out of the PDF."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ombud.audit.dossier.freeze import freeze
from ombud.audit.dossier.innocent import Innocent
from ombud.audit.dossier.inquiry import MINE
from ombud.audit.dossier.report import Custody, custody, pdf
from ombud.audit.dossier.report.pdf import typeset
from ombud.audit.dossier.surroundings import Holder, Related, SignalLine
from ombud.audit.dossier.whole import Dossier, dossier
from ombud.audit.people.sets import open_sets
from ombud.lake.publisher import publish_all
from ombud.model import clock
from ombud.records import questionnaires
from tests.pdf_text import text_of
from tests.unit.audit.one_app import QUIZ, START, make_lake, read, walk, write, write_reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.lake import Lake

MADE = datetime.fromisoformat("2018-04-04T12:34:56+00:00")
MARKUP = '#panic("x") *bold* $x^2$ @label <tag> `raw` \\ [a] {b} = head // no comment'


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    made = make_lake(tmp_path_factory.mktemp("report") / "w")
    write_reads(made, [*walk(2, 9), read("friend-3", 5, decision="refused")])
    write(made, "grants", [{"app": QUIZ, "person": "installer-0", "scope": "x", "happened_at": START}])
    freeze(made, QUIZ, "They are to be told.", "Some reviewer")
    publish_all(made.workspace, made.records)
    yield made
    made.records.close()


@pytest.fixture(scope="module")
def made(lake: Lake) -> Dossier:
    with clock.frozen(MADE):
        return dossier(lake, lake.records, open_sets(lake.workspace, lake), QUIZ)


@pytest.fixture(scope="module")
def vouched(lake: Lake) -> Custody:
    with lake.records.read() as tx:
        return custody(tx, lake.workspace.ledger_dir, "A platform", "Some auditor", QUIZ)


@pytest.fixture(scope="module")
def document(made: Dossier, vouched: Custody) -> bytes:
    return pdf(made, vouched)


@pytest.fixture(scope="module")
def text(document: bytes) -> str:
    return text_of(document)


def _joined(text: str) -> str:
    """Return the text without anything that only a line's end put there."""
    return re.sub(r"[\s\u200b]", "", text)


class TestContents:
    def test_the_first_page_says_what_it_is(self, text: str, made: Dossier) -> None:
        first = " ".join(text.split("Contents", maxsplit=1)[0].split())
        assert "Audit of quiz" in first
        assert made.headline in first
        assert "2018-04-04 12:34 UTC, by Some auditor, at A platform" in first
        assert "Case none" in first

    def test_every_figure_is_there_with_its_query(self, text: str, made: Dossier) -> None:
        joined = _joined(text)
        for number, one in enumerate(made.figures, 1):
            assert one.id in joined, one.name
            assert f"[{number}]" in joined
        assert _joined("SELECT count(DISTINCT person) FROM mine WHERE went AND via") in joined
        assert _joined("CAST($since AS TIMESTAMPTZ)") in joined

    def test_every_file_is_there_with_its_hash(self, text: str, lake: Lake) -> None:
        joined = _joined(text)
        files = lake.files("reads")
        assert len(files) > 1
        for file in files:
            assert file.sha256 in joined
            assert file.path in joined

    def test_the_ledger_is_there_and_how_to_check(self, text: str, vouched: Custody) -> None:
        joined = _joined(text)
        assert vouched.origin is not None
        for one in (vouched.origin, vouched.root, vouched.keys[0], _joined(vouched.checkpoint)):
            assert one in joined
        assert f"Entries:{vouched.size}." in joined
        assert "verify.pyFOLDER--vkeyKEY" in joined.replace("\u00a0", "")

    def test_the_frozen_set_is_there(self, text: str, vouched: Custody) -> None:
        (place,) = vouched.frozen
        joined = _joined(text)
        assert place.set.id in joined
        assert place.set.root in joined
        assert place.ledger is not None

    def test_pages_are_numbered(self, text: str, document: bytes) -> None:
        pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", document)) or text.count("\n") + 1
        for number in range(2, pages + 1):
            assert f"{number}/{pages}" in _joined(text)

    def test_no_person_is_named(self, text: str) -> None:
        assert re.findall(r"(?:friend|installer)-\d", text) == []

    def test_the_words_of_mine_are_those_of_the_figures(self, made: Dossier, vouched: Custody) -> None:
        older = [
            msgspec.structs.replace(one, query=one.query.replace(f"WITH {MINE}", "WITH mine AS (SELECT (1))"))
            for one in made.figures
        ]
        text = _joined(text_of(pdf(msgspec.structs.replace(made, figures=older), vouched)))
        assert text.count(_joined("WITH mine AS")) == 1
        assert _joined("WITH mine AS (SELECT (1))") in text
        assert _joined("list_contains(coalesce(quality") not in text

    def test_what_is_copied_from_it_has_no_hidden_sign(self, text: str, vouched: Custody) -> None:
        assert "\u200b" not in text
        assert vouched.keys[0] in re.sub(r"\s", "", text)

    def test_it_says_what_cannot_be_told(self, made: Dossier, vouched: Custody) -> None:
        told = [msgspec.structs.replace(one, applies="no") for one in made.innocent]
        told[3] = msgspec.structs.replace(told[3], applies="unknown")
        text = _joined(text_of(pdf(msgspec.structs.replace(made, innocent=told), vouched)))
        assert _joined(f"Of these the record cannot tell whether they hold: {told[3].title.lower()}.") in text

    @pytest.mark.parametrize(
        ("state", "days", "answered", "words"),
        [
            ("open", 3, False, "asked on 2018-04-04, may answer until 2018-04-07 12:34 UTC"),
            ("open", -3, False, "asked on 2018-04-04, no answer by 2018-04-01 12:34 UTC"),
            ("answered", 3, True, "asked on 2018-04-04, answered on 2018-04-05"),
            ("withdrawn", 3, False, "not asked"),
        ],
    )
    def test_it_says_whether_the_developer_was_heard(
        self, monkeypatch: pytest.MonkeyPatch, lake: Lake, state: str, days: int, *, answered: bool, words: str
    ) -> None:
        one = SimpleNamespace(
            state="silent" if days < 0 else state, asked_at=MADE, due_at=MADE + timedelta(days=days),
            answered_at=MADE + timedelta(days=1) if answered else None,
        )  # fmt: skip
        monkeypatch.setattr(questionnaires, "of_app", lambda *_, **__: [one])
        with lake.records.read() as tx:
            assert custody(tx, lake.workspace.ledger_dir, "A platform", "Some auditor", QUIZ).heard == words

    def test_explanations_checks_and_limits_are_there(self, text: str, made: Dossier) -> None:
        joined = _joined(text)
        for line in (*made.limits, *(one.title for one in made.innocent), *(one.says for one in made.checks)):
            assert _joined(line) in joined


class TestForm:
    def test_the_same_input_gives_the_same_bytes(self, document: bytes, made: Dossier, vouched: Custody) -> None:
        assert pdf(made, vouched) == document
        later = msgspec.structs.replace(made, made_at=made.made_at + timedelta(days=1))
        assert pdf(later, vouched) != document

    def test_it_is_made_to_be_archived_and_read_aloud(self, document: bytes) -> None:
        assert document.startswith(b"%PDF-1.7")
        for mark in (b"pdfaid:part", b"pdfuaid:part", b"20180404123456"):
            assert mark in document or mark in _metadata(document), mark

    def test_nothing_is_fetched_and_no_font_of_this_machine_is_used(self, document: bytes) -> None:
        fonts = set(re.findall(r"LibertinusSerif|DejaVuSansMono|[A-Z]{6}\+[A-Za-z]+", _all(document)))
        assert fonts
        assert all(name.split("+")[-1].startswith(("LibertinusSerif", "DejaVuSansMono")) for name in fonts), fonts

    def test_markup_comes_out_as_text(self, made: Dossier, vouched: Custody) -> None:
        app = msgspec.structs.replace(made.app, app=MARKUP, name=MARKUP, developer=MARKUP)
        evil = _everywhere(msgspec.structs.replace(made, app=app, headline=MARKUP, limits=[MARKUP]), MARKUP)
        text = _joined(text_of(pdf(evil, msgspec.structs.replace(vouched, platform=MARKUP, made_by=MARKUP))))
        assert text.count(_joined(MARKUP)) >= 9

    def test_signs_without_a_shape_are_written_as_numbers(self, made: Dossier, vouched: Custody) -> None:
        name = "中文 שלום سلام \u202eevil \x07 \U0001f600"
        app = msgspec.structs.replace(made.app, name=name)
        text = _joined(text_of(pdf(msgspec.structs.replace(made, app=app), vouched)))
        assert "[U+4E2D][U+6587]" in text
        assert "[U+202E]evil[U+0007][U+1F600]" in text

    def test_long_words_break(self, made: Dossier, vouched: Custody) -> None:
        app = msgspec.structs.replace(made.app, name="x" * 300)
        text = text_of(pdf(msgspec.structs.replace(made, app=app), vouched))
        assert "x" * 300 in _joined(text)

    def test_an_app_that_read_nobody(self, made: Dossier, vouched: Custody) -> None:
        time = msgspec.structs.replace(
            made.time, days=[], busiest=None, fields=[], countries=[], policies=[], changes=[]
        )
        runs = msgspec.structs.replace(made.sessions, listed=[])
        bare = msgspec.structs.replace(made, time=time, sessions=runs, headline="Silent read nobody in this time")
        assert "Silent read nobody" in text_of(pdf(bare, vouched))

    def test_without_a_ledger_it_says_so(
        self, made: Dossier, lake: Lake, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        with lake.records.read() as tx:
            bare = custody(tx, tmp_path_factory.mktemp("nowhere"), "A platform", "Some auditor", "nobody")
        assert (bare.origin, bare.frozen) == (None, [])
        text = _joined(text_of(pdf(made, bare)))
        assert _joined("There was no ledger that could be read") in text
        assert _joined("Affected people not frozen") in text

    def test_another_fault_of_the_template_is_not_hidden(self) -> None:
        with pytest.raises(RuntimeError):
            typeset({"title": "nothing else"}, MADE)


def _everywhere(made: Dossier, words: str) -> Dossier:
    """Put the words wherever a stranger's words can come into a document."""
    number = made.reads
    around = msgspec.structs.replace(
        made.around,
        signals=[SignalLine("x", words, number, 1.0, 3, 0.01)],
        related=[Related(words, words, words)],
        holders=[Holder(words, words, [words], words)],
        unknown=[words],
    )
    fields = [msgspec.structs.replace(one, field=words, purpose=words) for one in made.time.fields]
    time = msgspec.structs.replace(made.time, fields=fields)
    said = [Innocent("x", words, words, "yes", number)]
    return msgspec.structs.replace(made, around=around, time=time, innocent=said)


def _metadata(document: bytes) -> bytes:
    return b"".join(re.findall(rb"<\?xpacket.*?xpacket end", document, re.DOTALL))


def _all(document: bytes) -> str:
    """Return the document with its object streams unpacked."""
    from zlib import decompress, error  # noqa: PLC0415 - used here alone

    out: list[Any] = [document.decode("latin-1")]
    for raw in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL):
        try:
            out.append(decompress(raw).decode("latin-1"))
        except error:
            continue
    return "\n".join(out)
