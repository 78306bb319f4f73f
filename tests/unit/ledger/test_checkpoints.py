from __future__ import annotations

from base64 import b64encode

import pytest

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.encoding import MAX_NUMBER, read_base64, read_decimal
from ombud.ledger.faults import FormatError
from ombud.ledger.hashing import EMPTY_ROOT, leaf_hash

ROOT = leaf_hash(b"x")
WRITTEN = b64encode(ROOT).decode()


def test_a_checkpoint_is_three_lines() -> None:
    checkpoint = Checkpoint("example.org/log", 17, ROOT)
    assert checkpoint.text() == f"example.org/log\n17\n{WRITTEN}\n"
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


def test_the_standards_example_is_read() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.root.hex().startswith("0ac5186a91863e8e1d90c808")
    assert checkpoint.text() == text


def test_more_lines_are_kept() -> None:
    checkpoint = Checkpoint("o", 1, ROOT, ("a b", "c"))
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@pytest.mark.parametrize("size", [0, 1, 2**32, MAX_NUMBER])
def test_sizes_come_back(size: int) -> None:
    checkpoint = Checkpoint("o", size, ROOT if size else EMPTY_ROOT)
    assert Checkpoint.parse(checkpoint.text()).size == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n\n",
        f"o\n1\n{WRITTEN}",
        f"o\n1\n{WRITTEN}\n\n",
        f"\n1\n{WRITTEN}\n",
        f"o\n\n{WRITTEN}\n",
        f"o\n01\n{WRITTEN}\n",
        f"o\n-1\n{WRITTEN}\n",
        f"o\n+1\n{WRITTEN}\n",
        f"o\n 1\n{WRITTEN}\n",
        f"o\n1_0\n{WRITTEN}\n",
        f"o\n\u0661\n{WRITTEN}\n",
        f"o\n{MAX_NUMBER + 1}\n{WRITTEN}\n",
        f"o\n{'9' * 5000}\n{WRITTEN}\n",
        f"o\n1\n{WRITTEN[:-1]}\n",
        f"o\n1\n{WRITTEN[:-4]}\n",
        f"o\n1\n {WRITTEN}\n",
        f"o\n1\n{b64encode(ROOT + b'x').decode()}\n",
        f"o\n0\n{WRITTEN}\n",
        f"o\n1\n{WRITTEN}\na\n\nb\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("a\nb", 1, ROOT),
        Checkpoint("", 1, ROOT),
        Checkpoint("o", 1, b"short"),
        Checkpoint("o", -1, ROOT),
        Checkpoint("o", 1, ROOT, ("",)),
        Checkpoint("o", 0, ROOT),
    ],
)
def test_no_text_is_made_that_would_read_as_something_else(checkpoint: Checkpoint) -> None:
    with pytest.raises(FormatError):
        checkpoint.text()


def test_base64_has_one_spelling() -> None:
    assert read_base64("YQ==", "x") == b"a"
    assert read_base64("", "x") == b""
    for other in ("YR==", "YQ=", "YQ", "YQ==\n", " YQ==", "Y Q==", "YQ==YQ==", "YQ-_", "ü", "====", "\ud800"):
        with pytest.raises(FormatError, match="This is no base64"):
            read_base64(other, "This")


def test_a_number_has_one_spelling() -> None:
    assert [read_decimal(text, "x") for text in ("0", "7", "10", str(MAX_NUMBER))] == [0, 7, 10, MAX_NUMBER]
    for other in ("", "00", "01", "-0", "1.0", "1e3", "0x1", str(MAX_NUMBER + 1), "²", "1\n"):
        with pytest.raises(FormatError, match="This is no number"):
            read_decimal(other, "This")
