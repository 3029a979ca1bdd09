"""Questions that a process on every node of a cluster answers."""

from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study.running.surroundings import last_line


def hosts() -> dict[str, str]:
    """Name of the host of every node that is alive, by the node's id."""
    return {node["NodeID"]: node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]}


def ask(
    question: Callable[..., str], arguments: Mapping[str, tuple[Any, ...]], wait: float
) -> dict[str, str]:
    """What `question` says on each node, given the arguments for it, or that it has not answered.

    A node has `wait` seconds to start a process and answer.
    """
    asked = ray.remote(num_cpus=0, max_retries=0)(question)
    said, replies = {}, {}
    for node, given in arguments.items():
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        replies[node] = asked.options(scheduling_strategy=there).remote(*given)
    for node, reply in replies.items():
        try:
            said[node] = str(ray.get(reply, timeout=wait))
        except RayError as error:
            said[node] = f"no answer: {last_line(error)}"
    return said
