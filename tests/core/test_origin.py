"""Where a request came from is kept as a network and a family of clients, whatever was sent."""

import pytest

from venmo_api.core.origin import origin


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("testclient", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        ("203.0.113.77, 198.51.100.1", "unknown"),
    ],
)
def test_of_an_address_the_network_is_kept(address: str | None, network: str) -> None:
    assert origin(address, "").network == network


@pytest.mark.parametrize(
    ("user_agent", "agent"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("", "unknown"),
        ("<script>alert(1)</script>\r\nX: y", "unknown"),
        ("alice@example.com +14155550123", "unknown"),
    ],
)
def test_of_a_client_known_words_are_kept(user_agent: str, agent: str) -> None:
    assert origin(None, user_agent).agent == agent
