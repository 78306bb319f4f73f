"""Frames say of themselves whether they are whole; a torn end is told from damage."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.gate.frames import MAGIC, Frame, Head, Sealed, decode, encode, frames

HEAD = Head(1, "batch_1", "gate.ab", "2014-04-30T12:00:00.000000Z", "hash", 0, 256, "00", "11", 1, 0)


def frame(number: int, rows: list[bytes], sealed: tuple[Sealed, ...] = ()) -> bytes:
    head = msgspec.structs.replace(HEAD, sequence=number, rows=len(rows), last=number, sealed=list(sealed))
    return encode(head, b"s" * 16 * len(rows), rows)


def segment(count: int) -> bytes:
    return MAGIC + b"".join(frame(n + 1, [b'{"n":%d}' % n] * (n + 1), (Sealed(n, n, None),)) for n in range(count))


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\n", b" ")), max_size=6))
def test_there_and_back(rows: list[bytes]) -> None:
    data = frame(7, rows, (Sealed(6, 12, None), Sealed(5, None, 3)))
    found = decode(data, 0)
    assert found is not None
    assert found[1] == len(data)
    assert found[0] == Frame(
        msgspec.structs.replace(
            HEAD, sequence=7, rows=len(rows), last=7, sealed=[Sealed(6, 12, None), Sealed(5, None, 3)]
        ),
        b"s" * 16 * len(rows),
        rows,
    )


def test_cut_anywhere_the_whole_frames_remain() -> None:
    data = segment(3)
    ends = [len(MAGIC)]
    for n in range(3):
        ends.append(ends[-1] + len(frame(n + 1, [b'{"n":%d}' % n] * (n + 1), (Sealed(n, n, None),))))
    for cut in range(len(data) + 1):
        found, end, damaged = frames(data[:cut])
        whole = sum(1 for one in ends[1:] if one <= cut)
        assert (len(found), damaged) == (whole, False), cut
        assert end == (ends[whole] if cut >= len(MAGIC) else 0)


@pytest.mark.parametrize("rest", [b"", b"\0" * 5000, b"\xff" * 100, b'{"sequence":1}'])
def test_what_a_crash_leaves_behind_the_end(rest: bytes) -> None:
    data = segment(2)
    found, end, damaged = frames(data + rest)
    assert (len(found), end, damaged) == (2, len(data), False)


@given(st.data())
def test_a_changed_byte_is_never_taken_for_whole(data: st.DataObject) -> None:
    whole = segment(3)
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(whole)
    changed[at] ^= 1 << bit
    before, _, _ = frames(whole)
    found, _, damaged = frames(bytes(changed))
    assert found == before[: len(found)]
    assert len(found) < 3
    last = len(whole) - len(frame(3, [b'{"n":2}'] * 3, (Sealed(2, 2, None),)))
    assert damaged is (at < last)


def test_a_frame_whose_rows_are_fewer_than_it_says() -> None:
    assert decode(encode(msgspec.structs.replace(HEAD, rows=2), b"s" * 32, [b"one"]), 0) is None
