"""Staff: secrets are kept as hashes only, the unknown cost as much as the wrong, and the first run ends."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from ombud.model import clock
from ombud.model.errors import AccessError, InputError, NotFoundError, UsageError
from ombud.records import looks, users
from ombud.records.database import open_url
from ombud.records.tables import meta, metadata, staff

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.records import Records

NOON = datetime(2016, 11, 8, 12, tzinfo=UTC)
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with little work, which changes nothing but the time."""
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    users._nobody.cache_clear()


def everything(tx: Connection) -> str:
    return repr([tx.execute(select(table)).all() for table in metadata.sorted_tables])


def test_the_right_password_opens(records: Records) -> None:
    with records.begin() as tx:
        made = users.create(tx, " Mara Lind ", PASSWORD, "analyst")
        assert users.verify(tx, "Mara Lind", PASSWORD) == made == users.get(tx, made.id)
        assert users.verify(tx, "MARA LIND ", PASSWORD) == made
        assert users.verify(tx, "Mara Lind", PASSWORD + "x") is None
        assert users.verify(tx, "Mara", PASSWORD) is None
        assert users.verify(tx, "Mara Lind", "x" * 10_000_000) is None
    assert (made.name, made.role, made.disabled_at) == ("Mara Lind", "analyst", None)


def test_only_hashes_are_kept(records: Records) -> None:
    with records.begin() as tx:
        first = str(users.first_run_token(tx))
        user = users.create(tx, "Mara", PASSWORD, "admin")
        token = users.open_session(tx, user.id, 1)
        kept = everything(tx)
        stored = tx.execute(select(staff.c.password_hash)).scalar_one()
    assert stored.startswith("$argon2id$")
    assert not [secret for secret in (PASSWORD, token, first) if secret in kept]


def test_the_unknown_cost_as_much_as_the_wrong(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
            checked.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(users, "_HASHER", Counting(time_cost=1, memory_cost=64, parallelism=1))
    with records.begin() as tx:
        users.create(tx, "Mara", PASSWORD, "analyst")
        for name in ("Mara", "nobody", "nobody else"):
            assert users.verify(tx, name, "wrong") is None
    assert len(checked) == 3
    assert checked[1] == checked[2] != checked[0]
    assert len({text.rsplit("$", 2)[0] for text in checked}) == 1, "the same parameters, so the same time"


def test_an_older_hash_is_renewed(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    with records.begin() as tx:
        users.create(tx, "Mara", PASSWORD, "analyst")
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    with records.read() as tx:
        assert users.verify(tx, "Mara", PASSWORD) is not None
    with records.begin() as tx:
        assert "t=1" in tx.execute(select(staff.c.password_hash)).scalar_one()
        assert users.verify(tx, "Mara", PASSWORD) is not None
        assert "t=2" in tx.execute(select(staff.c.password_hash)).scalar_one()
        assert users.verify(tx, "Mara", PASSWORD) is not None


@pytest.mark.parametrize(
    ("name", "password", "role", "words"),
    [
        ("Mara", "short", "admin", "12 to 1024 characters"),
        ("Mara", "x" * 1025, "admin", "12 to 1024 characters"),
        ("Mara", PASSWORD, "king", "no role `king`"),
        ("  ", PASSWORD, "admin", "1 to 200"),
        ("a\nb", PASSWORD, "admin", "1 to 200"),
        ("x" * 201, PASSWORD, "admin", "1 to 200"),
    ],
)
def test_what_is_refused(records: Records, name: str, password: str, role: str, words: str) -> None:
    with pytest.raises(InputError, match=words), records.begin() as tx:
        users.create(tx, name, password, role)


def test_a_name_is_taken_once_however_it_is_written(records: Records) -> None:
    with records.begin() as tx:
        users.create(tx, "\N{FULLWIDTH LATIN CAPITAL LETTER M}ara", PASSWORD, "analyst")
        with pytest.raises(UsageError, match="is taken"):
            users.create(tx, "mARA", PASSWORD, "admin")
        users.create(tx, "Anna", PASSWORD, "auditor")
        assert [user.role for user in users.listing(tx)] == ["auditor", "analyst"]


def test_sessions_end(records: Records) -> None:
    with records.begin() as tx:
        user = users.create(tx, "Mara", PASSWORD, "analyst")
        with clock.frozen(NOON):
            token = users.open_session(tx, user.id, 12)
        with clock.frozen(NOON + timedelta(hours=11, minutes=59)):
            found = users.session(tx, token)
        with clock.frozen(NOON + timedelta(hours=12)):
            assert users.session(tx, token) is None
    assert found is not None
    assert found[0] == user
    assert (found[1].user_id, found[1].expires_at) == (user.id, NOON + timedelta(hours=12))
    assert found[1].token_sha256 != token


def test_closing_sessions(records: Records) -> None:
    with records.begin() as tx:
        user = users.create(tx, "Mara", PASSWORD, "analyst")
        one, two, three = (users.open_session(tx, user.id, 1) for _ in range(3))
        assert users.session(tx, one + "x") is None
        assert users.session(tx, "\ud800") is None
        users.close_session(tx, one)
        assert (users.session(tx, one), users.session(tx, two) is None) == (None, False)
        users.close_sessions(tx, user.id)
        assert users.session(tx, two) is None
        assert users.session(tx, three) is None


def test_a_new_password_ends_what_the_old_one_opened(records: Records) -> None:
    with records.begin() as tx:
        user = users.create(tx, "Mara", PASSWORD, "analyst")
        token = users.open_session(tx, user.id, 1)
        users.set_password(tx, user.id, PASSWORD + "!")
        assert users.session(tx, token) is None
        assert users.verify(tx, "Mara", PASSWORD) is None
        assert users.verify(tx, "Mara", PASSWORD + "!") == user
        with pytest.raises(NotFoundError):
            users.set_password(tx, "user_x", PASSWORD)


def test_shutting_out(records: Records) -> None:
    with records.begin() as tx:
        first = users.create(tx, "Mara", PASSWORD, "admin")
        second = users.create(tx, "Anna", PASSWORD, "admin")
        token = users.open_session(tx, first.id, 1)
        users.disable(tx, first.id)
        assert users.session(tx, token) is None
        assert users.verify(tx, "Mara", PASSWORD) is None
        with pytest.raises(InputError, match="last admin"):
            users.disable(tx, second.id)


def test_letting_in_again(records: Records) -> None:
    with records.begin() as tx:
        user = users.create(tx, "Mara", PASSWORD, "analyst")
        token = users.open_session(tx, user.id, 1)
        users.disable(tx, user.id)
        users.enable(tx, user.id)
        assert users.get(tx, user.id).disabled_at is None
        assert users.session(tx, token) is None
        again = users.verify(tx, "Mara", PASSWORD)
        assert again is not None
        assert again.id == user.id
        with pytest.raises(NotFoundError):
            users.enable(tx, "user_nobody")


def test_the_first_run(records: Records) -> None:
    with records.begin() as tx:
        old = users.first_run_token(tx)
        token = users.first_run_token(tx)
        assert old is not None
        assert token is not None
        for wrong in (old, "", token + "x", "\ud800"):
            with pytest.raises(AccessError, match="wrong or spent"):
                users.claim(tx, wrong, "Mara", PASSWORD)
        assert users.claim(tx, token, "Mara", PASSWORD).role == "admin"
        with pytest.raises(AccessError):
            users.claim(tx, token, "Anna", PASSWORD)
        assert users.first_run_token(tx) is None
        assert tx.execute(select(meta)).all() == []


def test_a_poor_password_does_not_spend_the_token(records: Records) -> None:
    with records.begin() as tx:
        token = str(users.first_run_token(tx))
    with pytest.raises(InputError), records.begin() as tx:
        users.claim(tx, token, "Mara", "short")
    with records.begin() as tx:
        assert users.claim(tx, token, "Mara", PASSWORD).name == "Mara"


def test_the_token_is_dead_once_there_is_an_admin(records: Records) -> None:
    with records.begin() as tx:
        token = str(users.first_run_token(tx))
        users.create(tx, "Mara", PASSWORD, "admin")
        with pytest.raises(AccessError):
            users.claim(tx, token, "Anna", PASSWORD)


def test_claimed_by_one_alone(url: str) -> None:
    with open_url(url) as records:
        with records.begin() as tx:
            token = str(users.first_run_token(tx))
        ends: list[str] = []

        def claiming(name: str) -> None:
            try:
                with records.begin() as tx:
                    ends.append(users.claim(tx, token, name, PASSWORD).role)
            except AccessError:
                ends.append("refused")

        threads = [threading.Thread(target=claiming, args=(name,)) for name in ("one", "two", "three")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(ends) == ["admin", "refused", "refused"]


def test_looks_are_noted(records: Records) -> None:
    with records.begin() as tx:
        mara = users.create(tx, "Mara", PASSWORD, "analyst")
        anna = users.create(tx, "Anna", PASSWORD, "auditor")
        first = looks.append(tx, mara.id, "evidence rows of case 3", "account 77", "case 3")
        with clock.frozen(NOON):
            second = looks.append(tx, anna.id, "logins", "account 78", "appeal of account 78")
        with pytest.raises(InputError, match="needs a purpose"):
            looks.append(tx, mara.id, "posts", "account 79", "  ")
        assert [look.id for look in looks.listing(tx)] == [second, first]
        assert looks.listing(tx, limit=1)[0] == looks.Look(
            second, NOON, anna.id, "Anna", "logins", "account 78", "appeal of account 78"
        )
        assert [look.user for look in looks.listing(tx, user_id=mara.id)] == ["Mara"]
        assert (looks.count(tx), looks.count(tx, user_id=anna.id)) == (2, 1)
