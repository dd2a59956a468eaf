"""The event engine: tasks on resources, in (time, priority, insertion) order, deterministic to the byte.

This is the plain engine: one task at a time through a heap. ``hwsim.program`` plays loop programs of the same tasks
much faster by skipping periods; tests hold it to this engine's times exactly.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """Work that occupies one resource.

    Attributes:
        resource: index of the resource; it serves one task at a time.
        duration: ticks.
        after: (index of an earlier task, extra ticks after its finish) that must have passed before this one starts.
        priority: among tasks that are ready at the same time, the smaller goes first.
    """

    resource: int
    duration: int
    after: tuple[tuple[int, int], ...] = ()
    priority: int = 0


def play(tasks: Sequence[Task]) -> tuple[list[int], list[int]]:
    """Start and finish of every task, in ticks.

    A task is ready when all it waits for has passed. A free resource takes the ready task that became ready first, then
    the one of smaller priority, then the one inserted first.

    Raises:
        ValueError: a task waits for itself or for a task inserted after it.
    """
    missing = [len(task.after) for task in tasks]
    followers: list[list[tuple[int, int]]] = [[] for _ in tasks]
    for index, task in enumerate(tasks):
        for earlier, delay in task.after:
            if not 0 <= earlier < index:
                raise ValueError(f"task {index} waits for task {earlier}, which is not an earlier one")
            followers[earlier].append((index, delay))
    ready_at = [0] * len(tasks)
    start = [0] * len(tasks)
    finish = [0] * len(tasks)
    queues: dict[int, list[tuple[int, int, int]]] = {task.resource: [] for task in tasks}
    free_at = dict.fromkeys(queues, 0)
    # Events: (time, kind, index); kind 0 = a task becomes ready, kind 1 = a resource may take its next task.
    events: list[tuple[int, int, int]] = [(0, 0, index) for index, count in enumerate(missing) if count == 0]
    heapq.heapify(events)
    while events:
        now, kind, index = heapq.heappop(events)
        if kind == 0:
            resource = tasks[index].resource
            heapq.heappush(queues[resource], (now, tasks[index].priority, index))
            heapq.heappush(events, (max(now, free_at[resource]), 1, resource))
            continue
        queue = queues[index]
        if not queue or free_at[index] > now:
            continue
        chosen = heapq.heappop(queue)[2]
        start[chosen], finish[chosen] = now, now + tasks[chosen].duration
        free_at[index] = finish[chosen]
        heapq.heappush(events, (finish[chosen], 1, index))
        for follower, delay in followers[chosen]:
            missing[follower] -= 1
            ready_at[follower] = max(ready_at[follower], finish[chosen] + delay)
            if missing[follower] == 0:
                heapq.heappush(events, (ready_at[follower], 0, follower))
    return start, finish
