"""One frozen Settings, read once at the edges from ``VENMO_*`` variables, passed down."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from venmo_api.core.figures import Figures

DEVELOPMENT_WORDS = ("venmo:venmo@", "@localhost", "@127.0.0.1")


class Settings(BaseSettings):
    """Defaults suit a laptop. ``environment=production`` refuses what only suits a laptop."""

    model_config = SettingsConfigDict(env_prefix="VENMO_", env_nested_delimiter="__", frozen=True, extra="ignore")

    environment: Literal["local", "test", "production"] = "local"
    database_url: Annotated[str, Field(repr=False)]
    redis_url: Annotated[str, Field(repr=False)]
    s3_endpoint_url: str | None = None
    s3_region: str = "us-east-1"
    s3_bucket: str = "venmo-archive"
    signing_key: Annotated[
        str | None, Field(repr=False, description="P-256 private key, PEM; or give signing_key_file")
    ] = None
    signing_key_file: Path | None = None
    token_issuer: str = "venmo-api"  # noqa: S105 - a name, not a secret
    token_audience: str = "venmo-api"  # noqa: S105
    mail_from: Annotated[str | None, Field(description="who mail to people comes from; an address SES may use")] = None
    messages_region: Annotated[str, Field(description="of SES and SNS, in production")] = "us-east-1"
    database_pool_size: Annotated[int, Field(ge=5, le=100, description="some tasks hold one and use more")] = 20
    archive_after_days: Annotated[int, Field(ge=0, description="how long closed days stay in Postgres")] = 30
    figures: Annotated[
        Figures, Field(description="limits, fees and waiting times; one by one as VENMO_FIGURES__SENT_UNVERIFIED=29999")
    ] = Figures()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _fit_for_production(self) -> "Settings":
        if self.environment == "production":
            if self.signing_key is None and self.signing_key_file is None:
                raise ValueError("production needs VENMO_SIGNING_KEY or VENMO_SIGNING_KEY_FILE")
            if self.mail_from is None:
                raise ValueError("production needs VENMO_MAIL_FROM")
            if any(word in self.database_url.lower() for word in DEVELOPMENT_WORDS):
                raise ValueError("production refuses a development database URL")
        return self

    @cached_property
    def signing_key_pem(self) -> str:
        """The signing key. Raises ValueError when none was given."""
        if self.signing_key is not None:
            return self.signing_key
        if self.signing_key_file is not None:
            return self.signing_key_file.read_text()
        raise ValueError("set VENMO_SIGNING_KEY_FILE (made by `venmo-api new-signing-key FILE`) or VENMO_SIGNING_KEY")
