"""A workspace: the folder that holds everything one installation of Ombud knows."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ombud.model.errors import InputError, NotFoundError, StorageError
from ombud.model.settings import Settings, load_settings

__all__ = ["Workspace"]

_FOLDERS = ("lake", "ledger", "keys", "rejects")
_FIRST_TOML = """\
# Settings of this Ombud workspace. Every key is optional; `ombud doctor` lists them all.
name = "Ombud"
# records_url = "postgresql+psycopg://ombud@localhost/ombud"
# memory = "2GB"
"""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder `root` and its settings; paths inside are properties."""

    root: Path
    settings: Settings

    @classmethod
    def create(cls, root: Path) -> Workspace:
        """Make the folders and the settings file; leaves alone what is already there."""
        try:
            root.mkdir(parents=True, exist_ok=True)
            for name in _FOLDERS:
                (root / name).mkdir(exist_ok=True)
            (root / "keys").chmod(0o700)
            if not (root / "ombud.toml").exists():
                (root / "ombud.toml").write_text(_FIRST_TOML)
        except OSError as error:
            raise StorageError(
                f"Cannot make a workspace at {root}: {error.strerror}.", hint="Choose a folder that you may write to."
            ) from error
        return cls.open(root)

    @classmethod
    def open(cls, root: Path | None = None) -> Workspace:
        """Open the workspace at `root`, else at `OMBUD_WORKSPACE`, else in this folder."""
        root = (root or Path(os.environ.get("OMBUD_WORKSPACE", "."))).expanduser().resolve()
        file = root / "ombud.toml"
        if not file.is_file():
            raise NotFoundError(
                f"There is no workspace at {root}.",
                hint="Make one with `ombud init FOLDER`, or name one with --workspace or OMBUD_WORKSPACE.",
            )
        try:
            settings = load_settings(file)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{file} is not TOML: {error}.", hint="Mend that line.") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"The setting `{where}` of {file} or the environment is wrong: {first['msg']}.",
                hint="`ombud doctor` lists every setting.",
            ) from error
        return cls(root, settings)

    @property
    def records_url(self) -> str:
        """Return the SQLAlchemy address of the records."""
        return self.settings.records_url or f"sqlite:///{self.root / 'records.sqlite'}"

    @property
    def lake_dir(self) -> Path:
        """Return the folder of the Parquet files."""
        return self.root / "lake"

    @property
    def ledger_dir(self) -> Path:
        """Return the folder of the ledger."""
        return self.root / "ledger"

    @property
    def keys_dir(self) -> Path:
        """Return the folder of secret keys, which only the owner may read."""
        return self.root / "keys"

    @property
    def journal_dir(self) -> Path:
        """Return the folder of the gates' journals: reads on their way into the lake."""
        return self.root / "journal"

    @property
    def rejects_dir(self) -> Path:
        """Return the folder of rows that imports could not take."""
        return self.root / "rejects"

    @property
    def archive_file(self) -> Path:
        """Return the search index of the public ad archive; it can be rebuilt from the lake."""
        return self.root / "archive.sqlite"

    @property
    def sets_dir(self) -> Path:
        """Return the folder of the sets of people by app; they can be rebuilt from the lake."""
        return self.root / "sets"
