"""A workspace's settings: `ombud.toml`, overridden by `OMBUD_*` in the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Settings", "load_settings"]


class Settings(BaseSettings):
    """What a workspace can be told. Each field has a default that works."""

    model_config = SettingsConfigDict(env_prefix="OMBUD_", extra="forbid", frozen=True)

    name: str = Field("Ombud", description="the platform's name, shown on every page")
    records_url: str | None = Field(
        None,
        description="database of the records, such as `postgresql+psycopg://...`; SQLite here if unset",
    )
    memory: str = Field("2GB", description="memory that one DuckDB engine may use, such as `2GB`")
    threads: int | None = Field(None, ge=1, description="threads that one engine may use; all cores if unset")
    host: str = Field("127.0.0.1", description="address that `ombud serve` listens on")
    port: int = Field(8000, ge=0, le=65535, description="port that `ombud serve` listens on; 0 for a free one")
    public_url: str | None = Field(None, description="address under which the public reaches the pages")
    fdr: float = Field(0.01, gt=0, lt=0.5, description="false discovery rate that detectors control")
    ledger_origin: str | None = Field(
        None, description="name of the ledger, such as `example.org/ombud`; chosen at random once if unset"
    )
    ledger_witnesses: tuple[str, ...] = Field(
        (), description="witnesses that are asked to cosign the ledger, each as `VKEY URL`"
    )
    ledger_cosign_seconds: int = Field(60, ge=5, description="seconds between two times that witnesses are asked")
    person_jwks: str | None = Field(
        None,
        description="where the keys lie with which the platform signs who a person is: an address of a JSON Web Key"
        " Set, or a file; people cannot see their record if unset",
    )
    person_issuer: str | None = Field(None, description="`iss` of the platform's tokens about people")
    person_audience: str = Field("ombud", description="`aud` of the platform's tokens about people")
    person_minutes: int = Field(
        30, ge=1, le=1440, description="minutes until a person must come from the platform again"
    )
    gate_breakers: bool = Field(
        default=True, description="whether the gate slows and stops apps that read like crawlers"
    )
    token_jwks: str | None = Field(
        None,
        description="where the keys lie with which the platform signs apps' tokens: an address of a JSON Web Key Set,"
        " or a file",
    )
    token_issuer: str | None = Field(None, description="`iss` of the platform's tokens for apps")
    token_audience: str | None = Field(None, description="`aud` of the platform's tokens for apps")
    token_algorithms: tuple[str, ...] = Field(
        ("RS256", "PS256", "ES256", "ES384", "EdDSA"), description="signatures that count on tokens for apps"
    )
    token_leeway_seconds: float = Field(
        30, ge=0, le=300, description="seconds by which the platform's clock and ours may differ"
    )
    token_once: bool = Field(default=False, description="whether each token for an app counts once, by its `jti`")
    token_app_claims: tuple[str, ...] = Field(("client_id", "azp"), description="claims that name the app, in order")
    token_person_claims: tuple[str, ...] = Field(("sub",), description="claims that name the person, in order")
    token_introspection_url: str | None = Field(
        None, description="where the platform says what a token is worth (RFC 7662), when tokens are not signed"
    )
    token_introspection_client: str = Field(
        "ombud", description="name with which the platform is asked; the secret lies in `keys/gate.introspection`"
    )
    token_cache_seconds: float = Field(
        30, ge=0, le=600, description="seconds for which the platform's word on a token is believed"
    )
    relay_domain: str | None = Field(
        None, description="domain of the addresses that apps get in place of people's; none are given if unset"
    )
    session_hours: int = Field(12, ge=1, description="hours until a staff sign-in ends")


def load_settings(path: Path) -> Settings:
    """Read the settings in the TOML file `path`; the environment wins over the file.

    Raises pydantic's `ValidationError` and `tomllib.TOMLDecodeError`; the
    workspace turns both into one sentence.
    """

    class _FromFile(Settings):
        model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(toml_file=path)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del dotenv_settings, file_secret_settings
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    return _FromFile()
