"""A process that ends its Ray while a thread of it drops handles of Ray's.

python dropped_handles.py vanilla|ours prints how many there are before and after, where the process
survives that.
"""

import gc
import sys
import threading
import time

import ray
from ray._private import worker

from study.running import cluster, local_ray

HANDLES = 10_000
ENDINGS = {"vanilla": ray.shutdown, "ours": cluster.disconnect}


class SlowCore:
    """Ray's core in a process that is kept waiting just when it has been shut down."""

    def __init__(self, core):
        self.core = core

    def __getattr__(self, name):
        return getattr(self.core, name)

    def shutdown_driver(self):
        self.core.shutdown_driver()
        time.sleep(0.5)


def drop(handles):
    """Let the collector find one handle after the other in a cycle."""
    while handles:
        cycle = [handles.pop()]
        cycle.append(cycle)
        time.sleep(0.001)


def main(ending):
    local_ray.start()
    handles = [ray.put(0) for _ in range(HANDLES)]
    worker.global_worker.core_worker = SlowCore(worker.global_worker.core_worker)
    gc.freeze()
    gc.set_threshold(5)
    threading.Thread(target=drop, args=[handles], daemon=True).start()
    time.sleep(0.1)
    print(len(handles), flush=True)
    ENDINGS[ending]()
    print(len(handles))


if __name__ == "__main__":
    main(sys.argv[1])
