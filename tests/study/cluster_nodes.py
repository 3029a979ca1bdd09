"""Two Ray nodes of one CPU each that demand a token, what their studies are recorded in, and the studies.

`ray start` starts each node, as anywhere, in a network namespace of its own with an address and a loopback
interface: it is reached from the other by a virtual link, and from nowhere else. Without namespaces Ray takes
127.0.0.1 for the machine's outer address and listens there. PostgreSQL and MLflow listen on the head's
loopback interface: no other node needs them.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from database_servers import free_port, postgresql_server

COUNTED_RUN = Path(__file__).with_name("counted_run.py")
STARTED = "Ray runtime started"
PATIENCE = 240
HEALTHY = """
import sys, time, urllib.request
while True:
    try:
        sys.exit(urllib.request.urlopen(sys.argv[1], timeout=5).status != 200)
    except OSError:
        time.sleep(0.3)
"""
DRAIN = """
import sys, time, ray
from ray._private.worker import global_worker
from ray.core.generated.autoscaler_pb2 import DRAIN_NODE_REASON_PREEMPTION
ray.init(sys.argv[1], log_to_driver=False)
(node,) = [node["NodeID"] for node in ray.nodes() if node["NodeManagerAddress"] == sys.argv[2]]
print("ready", flush=True)
deadline = int(1000 * (time.time() + float(input())))
accepted, why_not = global_worker.gcs_client.drain_node(node, DRAIN_NODE_REASON_PREEMPTION, "", deadline)
assert accepted, why_not
"""


@dataclass(frozen=True)
class Host:
    """Where a node is."""

    name: str
    address: str
    within: Sequence[str]
    """What precedes a command that is to run there."""


@contextlib.contextmanager
def linked_namespaces():
    """Gives two hosts, each in a network namespace of its own; skips where the machine allows none."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if not shutil.which("ip"):
        pytest.skip("ip is not installed (package iproute2)")
    made = secrets.token_hex(4)
    addresses = {f"study-{made}-{name}": f"10.77.0.{number}" for name, number in (("head", 1), ("other", 2))}
    try:
        try:
            _link(addresses)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this machine makes no linked network namespaces: {error.stderr.decode().strip()}")
        yield tuple(
            Host(space.rpartition("-")[2], address, ["ip", "netns", "exec", space])
            for space, address in addresses.items()
        )
    finally:
        for space in addresses:
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


def _link(addresses):
    """Make two namespaces and a virtual link between them."""
    for space in addresses:
        _ip("netns", "add", space)
    first, second = (["name", "link0", "netns", space] for space in addresses)
    _ip("link", "add", *first, "type", "veth", "peer", *second)
    for space, address in addresses.items():
        _ip("-n", space, "addr", "add", f"{address}/24", "dev", "link0")
        for device in ("lo", "link0"):
            _ip("-n", space, "link", "set", device, "up")
        _ip("netns", "exec", space, "true")


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Nodes:
    """A cluster of two nodes with a CPU and a token each, the first of them its head."""

    def __init__(self, hosts, folder):
        self.hosts, self.folder = hosts, folder
        self.address = f"{hosts[0].address}:{free_port()}"
        self.started = {}
        here = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.environment = {**here, **token, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONUNBUFFERED": "1"}

    def start(self):
        """Start both."""
        head, other = self.hosts
        port = self.address.rpartition(":")[2]
        self._start(head, "--head", f"--port={port}", "--include-dashboard=false", "--no-monitor")
        self._start(other, f"--address={self.address}")

    def kill(self, name):
        """Kill all processes of a node at once, as loss of power would."""
        _kill(self.started.pop(name))

    @contextlib.contextmanager
    def pre_emption(self, host):
        """Gives what tells a node, as an autoscaler does, that it will be pre-empted in some seconds."""
        program = [*self.hosts[0].within, sys.executable, "-c", DRAIN, self.address, host.address]
        with subprocess.Popen(
            program, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as asked:
            assert asked.stdout.readline() == "ready\n"

            def tell(seconds):
                asked.communicate(f"{seconds}\n")
                assert asked.returncode == 0

            yield tell

    def wait_until_idle(self):
        """Wait until no process of a trial is left on them, as it should soon be once a driver has gone."""
        for process in self.started.values():
            wait_until(partial(_is_idle, psutil.Process(process.pid)), process)

    def _start(self, host, *arguments):
        log = self.folder / f"{host.name}.log"
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
        ray += ["--object-store-memory=100000000", f"--node-ip-address={host.address}"]
        ray += [f"--temp-dir={self.folder}", *arguments]  # Ray's own is where others look for a cluster
        with log.open("w") as file:
            self.started[host.name] = subprocess.Popen(
                [*host.within, *ray],
                env={**self.environment, "NODE": host.name},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: STARTED in log.read_text(), self.started[host.name], log)


def _is_idle(node):
    """Whether no process of a trial is below the one that started a node."""
    for process in node.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "Trainable" in "".join(process.cmdline()[:1]):
                return False
    return True


@contextlib.contextmanager
def cluster(hosts):
    """Gives two nodes that run."""
    with tempfile.TemporaryDirectory(prefix="nodes-", dir="/tmp") as folder:  # short enough for sockets
        nodes = Nodes(hosts, Path(folder))
        try:
            nodes.start()
            yield nodes
        finally:
            for name in list(nodes.started):
                nodes.kill(name)


@dataclass(frozen=True)
class Servers:
    """PostgreSQL and MLflow on the loopback interface of a host, and how both are read from elsewhere."""

    storage: str
    tracking: str
    ledger_beside: str
    mlflow_beside: str
    artifacts: Path


@contextlib.contextmanager
def servers(host, folder):
    """Gives servers that run on a host; MLflow passes artifacts on, and keeps the rest in PostgreSQL."""
    with postgresql_server(host.within) as database:
        port, artifacts, log = free_port(), folder / "artifacts", folder / "mlflow.log"
        server = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
        server += ["--workers", "1", "--backend-store-uri", f"{database.address}/mlflow"]
        server += ["--serve-artifacts", "--artifacts-destination", str(artifacts)]
        quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
        with log.open("w") as file:
            process = subprocess.Popen(
                [*host.within, *server], env=quiet, cwd=folder, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            url = f"http://127.0.0.1:{port}"
            asked = [*host.within, sys.executable, "-c", HEALTHY, f"{url}/health"]
            subprocess.run(asked, check=True, timeout=PATIENCE)
            beside = database.beside("optuna"), database.beside("mlflow")
            yield Servers(f"{database.address}/optuna", url, *beside, artifacts)
        finally:
            _kill(process)


class Epoch(NamedTuple):
    """An epoch that began: the trial's folder, its number and the node."""

    trial: str
    epoch: int
    time: float
    node: str


class ClusterStudy:
    """A study whose driver is on the head of a cluster, and which is counted."""

    def __init__(self, nodes, store, results, options):
        self.nodes = nodes
        self.name = f"features_dr-{store.name}"
        self.folder = results / self.name
        self.file = results / "epochs.jsonl"
        where = ["--address", nodes.address, "--data", str(store), "--results", str(results)]
        self.command = [sys.executable, str(COUNTED_RUN), str(self.file), "features_dr", *where, *options]
        self.driver = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.driver:
            self.kill()

    def start(self, **environment):
        """Start the driver, with an environment that differs from the nodes' in what is named."""
        self.driver = subprocess.Popen(
            [*self.nodes.hosts[0].within, *self.command],
            env={**self.nodes.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ending(self):
        """Wait for the driver; returns exit code, what it said, and what it complained of."""
        said, complained = self.driver.communicate()
        return self.driver.returncode, said, complained

    def kill(self):
        """Kill the driver."""
        self.driver.kill()
        self.driver.communicate()

    def epochs(self):
        """All epochs that have begun so far."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [Epoch(**json.loads(line)) for line in lines]

    def wait_until(self, reached):
        """Wait until the epochs that have begun are as they are wanted."""
        wait_until(lambda: reached(self.epochs()), self.driver)

    def kept(self):
        """The newest epoch in a checkpoint of each trial that has not ended; 0 where there is none."""
        trials = [path for path in self.folder.glob("checkpoints/*/*/*") if path.is_dir()]
        return {
            str(trial): max((int(path.stem[-6:]) for path in trial.glob("*/epoch-*.ckpt")), default=0)
            for trial in trials
        }

    def repeated(self):
        """The epochs that began more than once, and how often."""
        began = Counter((epoch.trial, epoch.epoch) for epoch in self.epochs())
        return {epoch: count for epoch, count in began.items() if count > 1}


def _kill(process):
    """Kill a process and all that it has started."""
    started = []
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(process.pid)
        started = [first, *first.children(recursive=True)]
    for each in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
    psutil.wait_procs(started, timeout=10)


def wait_until(reached, process, log=None):
    """Wait for what a process is to bring about; AssertionError with its log once it has ended instead."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(log.read_text() if log else f"it did not come so far: {process.args}")
        time.sleep(0.05)
