"""``python -m bench.peers hello PORT``: a peer that is the app itself, served as `venmo-api serve` does."""

import sys

import uvicorn

from venmo_api.http.connections import Connection

if __name__ == "__main__":
    uvicorn.run(
        f"bench.peers.{sys.argv[1]}:app",
        factory=True,
        port=int(sys.argv[2]),
        loop="uvloop",
        http=Connection,
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=2048,
        log_level="warning",
    )
