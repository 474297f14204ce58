"""One frozen Settings, read once at the edges from ``VENMO_*`` variables, passed down."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from venmo_api.core.figures import Figures

DEVELOPMENT_WORDS = ("venmo:venmo@", "@localhost", "@127.0.0.1")
DEVELOPMENT_HOST = "localhost"
DEVELOPMENT_ACCESS_KEY = "local"
Risk = Literal["plain_database", "plain_redis", "plain_s3", "open_docs"]
Reason = Annotated[str, Field(min_length=10)]
Origin = Annotated[
    str, Field(pattern=r"^https?://[a-z0-9.-]+(:\d{1,5})?$", description="scheme and host, no path, no *")
]


class Settings(BaseSettings):
    """Defaults suit a laptop. ``environment=production`` refuses what only suits a laptop."""

    model_config = SettingsConfigDict(
        env_prefix="VENMO_", env_nested_delimiter="__", frozen=True, extra="ignore", hide_input_in_errors=True
    )

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
    previous_signing_key: Annotated[
        str | None, Field(repr=False, description="checks tokens, while keys are exchanged; or give the file")
    ] = None
    previous_signing_key_file: Path | None = None
    trusted_proxies: Annotated[
        str, Field(description="whose X-Forwarded-For is believed: addresses and networks, with commas between")
    ] = ""
    kms_key_id: Annotated[str | None, Field(description="id, alias or ARN; wraps the keys of personal data")] = None
    kms_region: str = "us-east-1"
    kms_endpoint_url: Annotated[str | None, Field(description="unset: AWS")] = None
    master_key_file: Annotated[Path | None, Field(description="in place of KMS, on a laptop: 32 bytes, mode 0600")] = (
        None
    )
    token_issuer: str = "venmo-api"  # noqa: S105 - a name, not a secret
    token_audience: str = "venmo-api"  # noqa: S105
    passkey_rp_id: Annotated[str, Field(description="the domain passkeys are made for; it cannot change")] = (
        DEVELOPMENT_HOST
    )
    passkey_origins: Annotated[tuple[str, ...], Field(description="pages and apps that may ask for passkeys")] = (
        "http://localhost:8000",
    )
    mail_from: Annotated[str | None, Field(description="who mail to people comes from; an address SES may use")] = None
    messages_region: Annotated[str, Field(description="of SES and SNS, in production")] = "us-east-1"
    push_apns_arn: Annotated[
        str | None, Field(description="SNS platform application of Apple's phones; unset: no pushes go there")
    ] = None
    push_fcm_arn: Annotated[str | None, Field(description="the same of Google's")] = None
    database_pool_size: Annotated[int, Field(ge=5, le=100, description="some tasks hold one and use more")] = 20
    archive_after_days: Annotated[int, Field(ge=0, description="how long closed days stay in Postgres")] = 30
    archive_risk_after_days: Annotated[
        int, Field(ge=0, description="the same of decisions: analysts look back so far, detections come so late")
    ] = 4
    archive_cold_after_days: Annotated[
        int, Field(ge=91, description="how old objects go to S3's GLACIER; by then the files of a month are one")
    ] = 180
    archive_role_arn: Annotated[
        str | None, Field(description="who alone may delete objects, by bucket policy; unset: whoever IAM lets")
    ] = None
    figures: Annotated[
        Figures, Field(description="limits, fees and waiting times; one by one as VENMO_FIGURES__SENT_UNVERIFIED=29999")
    ] = Figures()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    cors_origins: Annotated[tuple[Origin, ...], Field(description="whose pages may call from a browser; nobody's")] = ()
    docs_open: Annotated[bool | None, Field(description="/docs and /openapi.json; unset: not in production")] = None
    tls_cert_file: Annotated[Path | None, Field(description="with its chain, PEM: the API speaks TLS itself")] = None
    tls_key_file: Path | None = None
    database_ca_file: Annotated[Path | None, Field(description="PEM; with it Postgres is asked for TLS, verified")] = (
        None
    )
    redis_ca_file: Annotated[Path | None, Field(description="PEM, for rediss://; unset: the system's")] = None
    s3_ca_file: Annotated[Path | None, Field(description="PEM, for https://; unset: boto3's")] = None
    accepted_risks: Annotated[
        dict[Risk, Reason], Field(description="what production would refuse, by name, with why it is right here")
    ] = {}

    @model_validator(mode="after")
    def _fit_for_tls(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("set VENMO_TLS_CERT_FILE and VENMO_TLS_KEY_FILE together")
        if self.redis_ca_file and not self.redis_url.startswith("rediss://"):
            raise ValueError("VENMO_REDIS_CA_FILE needs a VENMO_REDIS_URL that starts with rediss://")
        if self.s3_ca_file and not (self.s3_endpoint_url or "https://").startswith("https://"):
            raise ValueError("VENMO_S3_CA_FILE needs a VENMO_S3_ENDPOINT_URL that starts with https://")
        return self

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        unfit = list(self._unfit()) if self.production else []
        if unfit:
            raise ValueError("production refuses these settings:\n" + "\n".join(f"- {problem}" for problem in unfit))
        return self

    @property
    def production(self) -> bool:
        return self.environment == "production"

    @property
    def shows_docs(self) -> bool:
        return not self.production if self.docs_open is None else self.docs_open

    def _unfit(self) -> Iterator[str]:
        """What may not be so in production, each with what to set."""
        yield from self._unfit_secrets()
        if self.mail_from is None:
            yield "no sender of mail: set VENMO_MAIL_FROM"
        if self.log_level == "DEBUG":
            yield "logs of libraries' innermost: set VENMO_LOG_LEVEL to INFO or above"
        if plain := [origin for origin in self.cors_origins if not origin.startswith("https://")]:
            yield f"origins without TLS ({', '.join(plain)}): name them with https:// in VENMO_CORS_ORIGINS"
        if self.passkey_rp_id == DEVELOPMENT_HOST:
            yield "passkeys for this machine only: set VENMO_PASSKEY_RP_ID to the domain they are made for"
        if any("*" in origin or origin.startswith("http://") for origin in self.passkey_origins):
            yield "passkeys from anywhere or without TLS: name each page, with https://, in VENMO_PASSKEY_ORIGINS"
        if "*" in self.trusted_proxies or "/0" in self.trusted_proxies:
            yield "anybody's word on addresses of clients: name the proxies in VENMO_TRUSTED_PROXIES"
        if (self.kms_endpoint_url or "https://").startswith("http://"):
            yield "keys of personal data without TLS: give VENMO_KMS_ENDPOINT_URL as https://, or leave it to AWS"
        if "ssl_" in self.redis_url:
            yield "TLS of Redis weakened in its URL: leave it to VENMO_REDIS_CA_FILE"
        risks: dict[Risk, tuple[bool, str]] = {
            "plain_database": (
                self.database_ca_file is None,
                "Postgres without verified TLS: set VENMO_DATABASE_CA_FILE",
            ),
            "plain_redis": (
                not self.redis_url.startswith("rediss://"),
                "Redis without TLS: give VENMO_REDIS_URL as rediss://",
            ),
            "plain_s3": (
                (self.s3_endpoint_url or "https://").startswith("http://"),
                "S3 without TLS: give VENMO_S3_ENDPOINT_URL as https://",
            ),
            "open_docs": (self.shows_docs, "open documentation: unset VENMO_DOCS_OPEN"),
        }
        for name, (taken, problem) in risks.items():
            if taken and name not in self.accepted_risks:
                yield f"{problem} (or say in VENMO_ACCEPTED_RISKS why {name} is right here)"

    def _unfit_secrets(self) -> Iterator[str]:
        if self.signing_key is None and self.signing_key_file is None:
            yield "no key to sign tokens: set VENMO_SIGNING_KEY_FILE or VENMO_SIGNING_KEY"
        if self.kms_key_id is None:
            yield "no KMS key for personal data: set VENMO_KMS_KEY_ID (a master key in a file is for a laptop)"
        for name in type(self).model_fields:
            file = getattr(self, name)
            if "key" in name and isinstance(file, Path) and file.exists() and file.stat().st_mode & 0o007:
                yield f"a key everybody may read: chmod o= the file of VENMO_{name.upper()}"
        if any(word in self.database_url.lower() for word in DEVELOPMENT_WORDS):
            yield "a development database: set VENMO_DATABASE_URL"
        if os.environ.get("AWS_ACCESS_KEY_ID") == DEVELOPMENT_ACCESS_KEY:
            yield "the access key of the local stack: set AWS_ACCESS_KEY_ID, or unset it where a role gives one"

    @cached_property
    def signing_key_pem(self) -> str:
        """The signing key. Raises ValueError when none was given."""
        if self.signing_key is not None:
            return self.signing_key
        if self.signing_key_file is not None:
            return self.signing_key_file.read_text()
        raise ValueError("set VENMO_SIGNING_KEY_FILE (made by `venmo-api new-signing-key FILE`) or VENMO_SIGNING_KEY")

    @cached_property
    def previous_signing_key_pem(self) -> str | None:
        """The other key that tokens may be signed with, if there is one."""
        if self.previous_signing_key is None and self.previous_signing_key_file is not None:
            return self.previous_signing_key_file.read_text()
        return self.previous_signing_key
