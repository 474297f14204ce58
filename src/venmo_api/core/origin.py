"""Where a request came from, as much of it as is kept: a network instead of an address, a family of clients."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

UNKNOWN: Final = "unknown"
# The first that is found names it: most clients also name those they wish to be taken for.
_CLIENTS: Final = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
    "curl": "curl",
    "PostmanRuntime": "Postman",
    "okhttp": "app",
    "CFNetwork": "app",
    "python": "Python",
}
_SYSTEMS: Final = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS": "Mac",
    "Darwin": "Apple",
    "Linux": "Linux",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """``network`` is the /24 or /48 of the address; ``agent`` is of a few known words, never the client's own text."""

    network: str
    agent: str


def origin(address: str | None, user_agent: str) -> Origin:
    return Origin(network(address), _agent(user_agent))


def network(address: str | None) -> str:
    """The /24 or /48 of an address."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False))


def _agent(user_agent: str) -> str:
    client = next((name for mark, name in _CLIENTS.items() if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), None)
    if client and system:
        return f"{client} on {system}"
    return client or system or UNKNOWN
