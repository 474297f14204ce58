"""The image is for production until it is told otherwise; the compose file of a laptop tells it."""

from tests.conftest import ROOT


def test_the_image_opens_no_sandbox_unless_told_to() -> None:
    assert "\nENV VENMO_ENVIRONMENT=production\n" in (ROOT / "Dockerfile").read_text()
    assert "\n    VENMO_ENVIRONMENT: local\n" in (ROOT / "docker-compose.yml").read_text()
