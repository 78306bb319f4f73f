"""Migrations: from empty to the present, wholly or not at all, as the models say."""

from __future__ import annotations

import stat
import threading
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from ombud.model.errors import RefusedError, StorageError
from ombud.records import migrate, upgrades
from ombud.records.database import SCHEMAS, Records, engine_for, open_url, schema_of
from ombud.records.faults import address
from ombud.records.tables import metadata

if TYPE_CHECKING:
    from pathlib import Path

    from alembic.config import Config


def test_from_empty_to_the_present(blank_url: str) -> None:
    migrate(blank_url)
    with open_url(blank_url) as records, records.read() as tx:
        assert schema_of(tx) == SCHEMAS[-1]
        assert set(inspect(tx).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_migrating_again_changes_nothing(records: Records, url: str) -> None:
    with records.begin() as tx:
        tx.execute(text("INSERT INTO counter (name, next) VALUES ('kept', 7)"))
    migrate(url)
    with records.read() as tx:
        assert tx.execute(text("SELECT next FROM counter WHERE name = 'kept'")).scalar() == 7


def test_models_and_migrations_agree(records: Records) -> None:
    with records.begin() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_comparison_would_find_a_difference(records: Records) -> None:
    with records.begin() as tx:
        tx.execute(text("ALTER TABLE look ADD COLUMN extra TEXT"))
        context = MigrationContext.configure(tx)
        assert [change[0] for change in compare_metadata(context, metadata)] == ["remove_column"]


def test_records_of_the_first_ombud_are_upgraded(blank_url: str) -> None:
    engine = engine_for(address(blank_url), foreign_keys=False)
    with engine.begin() as connection:
        command.upgrade(upgrades.configuration(connection), "0001")
        connection.execute(text("INSERT INTO counter (name, next) VALUES ('kept', 7)"))
    engine.dispose()
    with pytest.raises(RefusedError, match="older schema 0001") as caught:
        open_url(blank_url)
    assert caught.value.hint == "Run `ombud upgrade`."
    migrate(blank_url)
    with open_url(blank_url) as records, records.read() as tx:
        assert schema_of(tx) == SCHEMAS[-1]
        assert tx.execute(text("SELECT next FROM counter WHERE name = 'kept'")).scalar() == 7
        assert tx.execute(text("SELECT count(*) FROM consent")).scalar() == 0


def test_known_schemas_are_those_of_the_migrations() -> None:
    scripts = ScriptDirectory.from_config(upgrades.configuration())
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == SCHEMAS


def test_a_failed_migration_leaves_nothing(blank_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = command.upgrade

    def broken(config: Config, revision: str) -> None:
        real(config, revision)
        raise OSError("pulled the plug")

    monkeypatch.setattr(command, "upgrade", broken)
    with pytest.raises(OSError, match="pulled the plug"):
        migrate(blank_url)
    engine = engine_for(address(blank_url))
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    engine.dispose()
    monkeypatch.undo()
    migrate(blank_url)
    open_url(blank_url).close()


def test_two_at_once(blank_url: str) -> None:
    errors: list[BaseException] = []

    def one() -> None:
        try:
            migrate(blank_url)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with open_url(blank_url) as records, records.read() as tx:
        assert schema_of(tx) == SCHEMAS[-1]


def test_a_newer_schema_is_left_alone(records: Records, url: str) -> None:
    with records.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RefusedError, match="newer Ombud"):
        migrate(url)


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite"
    migrate(f"sqlite:///{file}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot be written: No such file") as caught:
        migrate(f"sqlite:///{tmp_path}/nowhere/records.sqlite")
    assert caught.value.hint


def test_a_folder_with_a_percent_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "100%(done)s"
    there.mkdir()
    monkeypatch.setattr(upgrades, "__file__", str(there / "upgrades.py"))
    assert upgrades.configuration().get_main_option("script_location") == str(there / "migrations")
