"""Several papers, one after the other or in processes, with outcomes of earlier runs where there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from search.parallel import spread
from search.reproduction.kept import keep, keepable, kept
from search.reproduction.paper import Paper
from search.reproduction.result import Reproduction
from search.reproduction.run import Computed, assemble, compute


def reproductions(
    papers: Sequence[Paper], full: bool = False, jobs: int = 1, cached: bool = True
) -> Iterator[Reproduction]:
    """The results of papers, in their order.

    Args:
        papers: which.
        full: with the panels that take long.
        jobs: processes at most.
        cached: whether outcomes of earlier runs are taken and new ones kept.
    """
    keeping = [cached and keepable(paper) for paper in papers]
    known = [kept(paper, full) if keeps else None for paper, keeps in zip(papers, keeping, strict=True)]
    fresh = _computed([paper for paper, found in zip(papers, known, strict=True) if found is None], full, jobs)
    for paper, found, keeps in zip(papers, known, keeping, strict=True):
        computed = next(fresh) if found is None else found
        if found is None and keeps:
            keep(paper, full, computed)
        yield assemble(paper, computed, full)


def _computed(papers: Sequence[Paper], full: bool, jobs: int) -> Iterator[Computed]:
    """Outcomes in the order of the papers."""
    waiting: dict[int, Computed] = {}
    following = 0
    for place, computed in spread(partial(_worker, full), papers, jobs):
        waiting[place] = computed
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def _worker(full: bool) -> Callable[[Paper], Computed]:
    return partial(compute, full=full)
