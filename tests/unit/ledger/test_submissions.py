"""What a log sends to a witness is read the one right way."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.ledger.faults import FormatError
from ombud.ledger.submissions import MAX_HASHES, Submission, encode_submission, parse_submission

HASH = b64encode(bytes(range(32))).decode()
NOTE = "example.com/log\n1\nAAAA\n\n— example.com/log AAAAAAA=\n"


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_HASHES),
    st.binary(max_size=300),
)
def test_what_is_written_reads_back(old: int, proof: list[bytes], note: bytes) -> None:
    assert parse_submission(encode_submission(old, proof, note)) == Submission(old, tuple(proof), note)


def test_the_example_of_the_specification_is_taken_apart() -> None:
    body = (
        "old 20852014\n"
        "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
        "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
        "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
        "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
        "\n"
        "example.com/behind-the-sofa\n"
        "20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
        "\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
        "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    )
    found = parse_submission(body.encode())
    assert found.old == 20852014
    assert len(found.proof) == 4
    assert found.note.startswith(b"example.com/behind-the-sofa\n20852163\n")
    assert encode_submission(found.old, found.proof, found.note) == body.encode()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n\n",
        "old 0",
        "old 0\n",
        f"old 0\n{HASH}\n",
        f"old\n\n{NOTE}",
        f"old \n\n{NOTE}",
        f"old  0\n\n{NOTE}",
        f"old 00\n\n{NOTE}",
        f"old +1\n\n{NOTE}",
        f"old -1\n\n{NOTE}",
        f"old 1_0\n\n{NOTE}",
        f"old ٣\n\n{NOTE}",
        f"old 9223372036854775808\n\n{NOTE}",
        f"old {'9' * 5000}\n\n{NOTE}",
        f"OLD 0\n\n{NOTE}",
        f" old 0\n\n{NOTE}",
        f"old 0 \n\n{NOTE}",
        f"old 0\r\n\r\n{NOTE}",
        f"{HASH}\nold 0\n\n{NOTE}",
        f"old 0\n{HASH[:-1]}\n\n{NOTE}",
        f"old 0\n{HASH} \n\n{NOTE}",
        f"old 0\n{HASH[:-4]}\n\n{NOTE}",
        f"old 0\n{HASH.replace('=', '')}=\n{HASH}x\n\n{NOTE}",
        f"old 0\n{b64encode(bytes(33)).decode()}\n\n{NOTE}",
        f"old 0\n{HASH[:-2]}9=\n\n{NOTE}",
        "old 0\n" + f"{HASH}\n" * (MAX_HASHES + 1) + f"\n{NOTE}",
    ],
)
def test_anything_else_is_refused(body: str) -> None:
    with pytest.raises(FormatError):
        parse_submission(body.encode())


def test_as_many_hashes_as_are_allowed_pass() -> None:
    assert len(parse_submission(("old 5\n" + f"{HASH}\n" * MAX_HASHES + f"\n{NOTE}").encode()).proof) == MAX_HASHES


@given(st.binary(max_size=400))
def test_noise_raises_nothing_else(body: bytes) -> None:
    for sent in (body, b"old 0\n\n" + body, b"old 3\n" + body):
        try:
            found = parse_submission(sent)
        except FormatError:
            continue
        assert encode_submission(found.old, found.proof, found.note) == sent
