"""S3: ministack with only its object store switched on, every object a file."""

import signal
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from venmo_api.local.processes import Program
from venmo_api.local.server import package_folder, plain_environment

ANSWER_SECONDS = 1.0


class S3:
    name = "s3"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "s3"

    def prepare(self) -> None:
        package_folder("ministack")
        self._data.mkdir(mode=0o700, exist_ok=True)
        for bucket in self._data.glob("[0-9]*/*"):
            (bucket / ".kept").mkdir(exist_ok=True)  # a folder with nothing in it is no bucket to ministack

    def program(self, port: int) -> Program:
        run = self._folder / "run"
        return Program(
            name=self.name,
            # -X keeps the data folder on the command line, by which a later run recognises the process.
            argv=(sys.executable, "-P", "-X", f"data={self._data}", "-m", "ministack"),
            env=plain_environment(
                BIND_HOST="127.0.0.1",
                GATEWAY_PORT=str(port),
                SERVICES="s3",
                S3_PERSIST="1",
                S3_DATA_DIR=str(self._data),
                TMPDIR=str(run),
                LOG_LEVEL="WARNING",
                # Left alone it listens for MQTT on 0.0.0.0:8883 and removes containers from the user's Docker.
                IOT_MTLS_ENABLED="0",
                SFTP_ENABLED="0",
                DOCKER_HOST=f"unix://{run}/no-docker",
            ),
            log=self._folder / "logs" / "s3.log",
            record=run / "s3.json",
            stop=((signal.SIGTERM, 5),),
        )

    def ready(self, port: int, pid: int) -> bool:
        connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def may_pass(self, output: str) -> bool:
        return False
