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
    "mail_from": "hello@pay.example",
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"VENMO_{field.upper()}", raising=False)


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
    plain = {name: value for name, value in GOOD.items() if name != "signing_key"}
    assert Settings(**plain, signing_key_file=file).signing_key_pem == key  # type: ignore[arg-type]
    assert Settings(**plain, signing_key="other", signing_key_file=file).signing_key_pem == "other"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="VENMO_SIGNING_KEY"):
        _ = Settings(**(plain | {"environment": "local"})).signing_key_pem  # type: ignore[arg-type]
