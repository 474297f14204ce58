"""Table of manifests: what has left Postgres, and where it stands in S3."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Integer, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class ManifestRow(Model):
    """The copy in Postgres of a manifest in S3: each side proves the other. ``sha256`` is of the manifest's bytes."""

    __tablename__ = "archive_manifests"

    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    transactions: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[int] = mapped_column(BigInteger)
    events: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
