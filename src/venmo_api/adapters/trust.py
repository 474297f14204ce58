"""TLS to servers of ours: what proves who they are, and how to tell that one did not."""

import ssl
from pathlib import Path

from botocore.exceptions import SSLError

REJECTED = "rejected SSL upgrade"
"""What asyncpg says of a server that speaks no TLS; it has no class for it."""


def verifying(ca_file: Path) -> ssl.SSLContext:
    """Takes only servers whose certificate one of these authorities signed, for the name they are called by."""
    context = ssl.create_default_context(cafile=str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def is_distrust(error: BaseException | None) -> bool:
    """Whether the server was there and did not prove who it is: waiting will not help."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, (ssl.SSLError, SSLError)) or REJECTED in str(error):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
