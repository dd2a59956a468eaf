"""Contractions searched at a time: the same schedule, the same errors, and really at the same time."""

from __future__ import annotations

import threading
import time

import pytest

import workloads
from hwsim.config import load_chip
from hwsim.machine import Machine, make_machine
from mapper.base import Found, Goal, InfeasibleError, Task, get_mapper
from mapper.graph import Search, map_with

BITS = {"weight": 8, "activation": 8, "input": 8, "output": 8, "state": 8}


def search(chip: str, jobs: int, *changes: str) -> Search:
    return Search(make_machine(load_chip(chip, changes)), "coarse", Goal("latency", None, jobs), advise=False)


def test_several_searches_at_a_time_give_the_schedule_of_one() -> None:
    graph = workloads.load("gpt2", phase="prefill", context=64, bits=BITS)
    one, four = search("gemmini", 1), search("gemmini", 4)
    assert map_with(one, graph) == map_with(four, graph)
    assert one.note() == four.note()
    assert len(one.found) == len(four.found) > 3


def test_two_searches_run_at_the_same_time() -> None:
    plain, lock, running, most = get_mapper("coarse"), threading.Lock(), [0], [0]

    def slow(task: Task, machine: Machine, goal: Goal) -> Found:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.05)
        found = plain(task, machine, goal)
        with lock:
            running[0] -= 1
        return found

    two = search("gemmini", 2)
    two.mapper_of = lambda _: slow
    map_with(two, workloads.load("gpt2", phase="prefill", context=64, bits=BITS))
    assert most == [2]


def test_what_does_not_fit_is_named_as_with_one() -> None:
    graph = workloads.load("gpt2", phase="prefill", context=64, bits=BITS)
    texts: list[str] = []
    for jobs in (1, 3):
        with pytest.raises(InfeasibleError) as caught:
            map_with(search("gemmini", jobs, "memories.scratchpad.size=2 B"), graph)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
