"""Whether this process's node is soon to be taken away: pre-empted, or given back by an autoscaler."""

import contextlib

import ray
from ray._private.worker import global_worker
from ray.exceptions import RaySystemError, RpcError

_PATIENCE = 5  # seconds for Ray's answer, which takes less than a thousandth of one


def is_draining() -> bool:
    """Ask Ray. False outside it, and where it does not answer: what that leads to is not a drain.

    Ray hands nothing new out on such a node, and ends what still runs there at the drain's deadline.
    """
    if not ray.is_initialized():
        return False
    with contextlib.suppress(RpcError, RaySystemError, TimeoutError):
        draining = global_worker.gcs_client.get_draining_nodes(_PATIENCE)
        return ray.get_runtime_context().get_node_id() in draining
    return False
