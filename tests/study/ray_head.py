"""A live Ray head with a token, on the loopback interface alone."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from database_servers import free_port
from ray._private import ray_constants


@contextlib.contextmanager
def ray_head(token: Mapping[str, str]) -> Iterator[str]:
    """Gives its address; `token` holds the variables by which others are let in, too."""
    port = free_port()
    folder = tempfile.mkdtemp(prefix="head-", dir="/tmp")  # sockets need a short path
    environment = {
        **os.environ,
        **token,
        ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    command = f"start --head --port={port} --node-ip-address=127.0.0.1 --num-cpus=1 --block"
    command += f" --include-dashboard=false --object-store-memory=100000000 --temp-dir={folder}"
    with subprocess.Popen(
        [Path(sys.executable).with_name("ray"), *command.split()],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for(port)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int) -> None:
    """Return once something listens."""
    for _ in range(600):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens at {port}")
