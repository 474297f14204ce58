"""Settings: read from VENMO_* once, frozen, and strict in production."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from venmo_api.adapters.signing import new_private_key
from venmo_api.settings import Settings

GOOD = {
    "environment": "production",
    "database_url": "postgresql+asyncpg://app:k3y@db.internal/venmo",
    "redis_url": "rediss://cache.internal/0",
    "signing_key": "pem",
    "kms_key_id": "alias/people",
    "mail_from": "hello@pay.example",
    "passkey_rp_id": "pay.example",
    "passkey_origins": ("https://app.pay.example",),
    "database_ca_file": "/etc/venmo/database-ca.pem",
}
WHY = "the servers share one private network of ours"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"VENMO_{field.upper()}", raising=False)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)


def test_they_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENMO_DATABASE_URL", "postgresql+asyncpg://x/y")
    monkeypatch.setenv("VENMO_REDIS_URL", "redis://x")
    monkeypatch.setenv("VENMO_DATABASE_POOL_SIZE", "7")
    monkeypatch.setenv("VENMO_NOBODY_KNOWS_THIS", "1")
    made = Settings()  # type: ignore[call-arg]
    assert (made.database_url, made.database_pool_size, made.environment) == ("postgresql+asyncpg://x/y", 7, "local")


@pytest.mark.parametrize("missing", ["database_url", "redis_url"])
def test_what_has_no_default_is_asked_for(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        Settings(**{name: value for name, value in GOOD.items() if name != missing})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"database_pool_size": 0},
        {"database_pool_size": 101},
        {"log_level": "LOUD"},
        {"environment": "prod"},
        {"archive_after_days": -1},
        {"cors_origins": ("*",)},
        {"cors_origins": ("https://*.pay.example",)},
        {"cors_origins": ("https://pay.example/",)},
        {"cors_origins": ("null",)},
        {"accepted_risks": {"plain_database": "ok"}},
        {"accepted_risks": {"anything": WHY}},
        {"tls_cert_file": "cert.pem"},
        {"tls_key_file": "key.pem"},
        {"redis_ca_file": "ca.pem", "redis_url": "redis://x"},
        {"s3_ca_file": "ca.pem", "s3_endpoint_url": "http://x"},
    ],
)
def test_what_cannot_be_right_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**(GOOD | wrong))  # type: ignore[arg-type]


def test_they_are_frozen() -> None:
    made = Settings(**GOOD)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        made.database_url = "other"


def test_production_takes_what_is_fit_for_production() -> None:
    assert Settings(**GOOD).environment == "production"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "unfit",
    [
        {"signing_key": None},
        {"kms_key_id": None},
        {"mail_from": None},
        {"database_url": "postgresql+asyncpg://venmo:venmo@db.internal/venmo"},
        {"database_url": "postgresql+asyncpg://app:k3y@localhost/venmo"},
        {"database_url": "postgresql+asyncpg://app:k3y@127.0.0.1:5432/venmo"},
        {"database_url": "postgresql+asyncpg://app:k3y@LOCALHOST/venmo"},
    ],
)
def test_production_refuses_what_suits_a_laptop(unfit: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="production"):
        Settings(**(GOOD | unfit))  # type: ignore[arg-type]
    Settings(**(GOOD | unfit | {"environment": "local"}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unfit", "told"),
    [
        ({"database_ca_file": None}, "VENMO_DATABASE_CA_FILE"),
        ({"redis_url": "redis://cache.internal/0"}, "VENMO_REDIS_URL"),
        ({"s3_endpoint_url": "http://s3.internal"}, "VENMO_S3_ENDPOINT_URL"),
        ({"docs_open": True}, "VENMO_DOCS_OPEN"),
        ({"log_level": "DEBUG"}, "VENMO_LOG_LEVEL"),
        ({"passkey_rp_id": "localhost"}, "VENMO_PASSKEY_RP_ID"),
        ({"trusted_proxies": "*"}, "VENMO_TRUSTED_PROXIES"),
        ({"trusted_proxies": "10.0.0.1, ::/0"}, "VENMO_TRUSTED_PROXIES"),
        ({"kms_endpoint_url": "http://kms.internal"}, "VENMO_KMS_ENDPOINT_URL"),
        ({"redis_url": "rediss://cache.internal/0?ssl_cert_reqs=none"}, "VENMO_REDIS_CA_FILE"),
        ({"passkey_origins": ("https://*.pay.example",)}, "VENMO_PASSKEY_ORIGINS"),
        ({"passkey_origins": ("http://app.pay.example",)}, "VENMO_PASSKEY_ORIGINS"),
        ({"cors_origins": ("http://app.pay.example",)}, "VENMO_CORS_ORIGINS"),
    ],
)
def test_production_names_what_to_set(unfit: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Settings(**(GOOD | unfit))  # type: ignore[arg-type]
    Settings(**(GOOD | unfit | {"environment": "local"}))  # type: ignore[arg-type]


def test_production_names_all_that_is_wrong_at_once() -> None:
    wrong = {"redis_url": "redis://x", "database_ca_file": None, "mail_from": None, "signing_key": None}
    with pytest.raises(ValidationError) as caught:
        Settings(**(GOOD | wrong | {"database_url": "postgresql+asyncpg://venmo:venmo@x/y"}))  # type: ignore[arg-type]
    for name in ("REDIS_URL", "DATABASE_CA_FILE", "MAIL_FROM", "SIGNING_KEY_FILE", "DATABASE_URL"):
        assert f"VENMO_{name}" in str(caught.value)


@pytest.mark.parametrize(
    ("risk", "taken"),
    [
        ("plain_database", {"database_ca_file": None}),
        ("plain_redis", {"redis_url": "redis://cache.internal/0"}),
        ("plain_s3", {"s3_endpoint_url": "http://s3.internal"}),
        ("open_docs", {"docs_open": True}),
    ],
)
def test_a_risk_is_taken_by_name_and_with_a_reason_and_lifts_nothing_else(risk: str, taken: dict[str, object]) -> None:
    Settings(**(GOOD | taken | {"accepted_risks": {risk: WHY}}))  # type: ignore[arg-type]
    others = {"plain_database", "plain_redis", "plain_s3", "open_docs"} - {risk}
    with pytest.raises(ValidationError, match=risk):
        Settings(**(GOOD | taken | {"accepted_risks": dict.fromkeys(others, WHY)}))  # type: ignore[arg-type]


def test_production_refuses_the_access_key_of_the_local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    with pytest.raises(ValidationError, match="AWS_ACCESS_KEY_ID"):
        Settings(**GOOD)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["signing_key_file", "tls_key_file"])
def test_production_refuses_a_key_that_everybody_may_read(tmp_path: Path, name: str) -> None:
    key = tmp_path / "key.pem"
    key.write_text(new_private_key())
    made: dict[str, object] = GOOD | {"tls_cert_file": "cert.pem", "tls_key_file": tmp_path / "none", name: key}
    for mode in (0o644, 0o604, 0o602):
        key.chmod(mode)
        with pytest.raises(ValidationError, match=f"VENMO_{name.upper()}"):
            Settings(**made)  # type: ignore[arg-type]
    for mode in (0o600, 0o440):
        key.chmod(mode)
        Settings(**made)  # type: ignore[arg-type]


def test_docs_are_open_everywhere_but_in_production() -> None:
    assert not Settings(**GOOD).shows_docs  # type: ignore[arg-type]
    assert Settings(**(GOOD | {"environment": "local"})).shows_docs  # type: ignore[arg-type]
    assert not Settings(**(GOOD | {"environment": "local", "docs_open": False})).shows_docs  # type: ignore[arg-type]


def test_a_refusal_prints_no_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**(GOOD | {"database_url": "postgresql+asyncpg://app:s3cr3t-word@localhost/venmo"}))  # type: ignore[arg-type]
    assert "s3cr3t-word" not in str(caught.value)
    assert "s3cr3t-word" not in repr(caught.value)


def test_settings_print_no_secret() -> None:
    made = Settings(**(GOOD | {"signing_key": "pem-s3cr3t", "database_url": "postgresql+asyncpg://a:s3cr3t@x/y"}))  # type: ignore[arg-type]
    assert "s3cr3t" not in repr(made)
    assert "s3cr3t" not in str(made)


def test_the_signing_key_comes_from_the_variable_or_the_file(tmp_path: Path) -> None:
    key = new_private_key()
    file = tmp_path / "key.pem"
    file.write_text(key)
    file.chmod(0o600)
    plain = {name: value for name, value in GOOD.items() if name != "signing_key"}
    assert Settings(**plain, signing_key_file=file).signing_key_pem == key  # type: ignore[arg-type]
    assert Settings(**plain, signing_key="other", signing_key_file=file).signing_key_pem == "other"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="VENMO_SIGNING_KEY"):
        _ = Settings(**(plain | {"environment": "local"})).signing_key_pem  # type: ignore[arg-type]
