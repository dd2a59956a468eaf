"""Several papers, one after the other or in processes, with outcomes of earlier runs where there are any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.reproduction.kept import keep, kept
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
    known = [kept(paper, full) if cached else None for paper in papers]
    missing = [paper for paper, found in zip(papers, known, strict=True) if found is None]
    fresh = _computed(missing, full, jobs)
    for paper, found in zip(papers, known, strict=True):
        computed = next(fresh) if found is None else found
        if found is None and cached:
            keep(paper, full, computed)
        yield assemble(paper, computed, full)


def _computed(papers: Sequence[Paper], full: bool, jobs: int) -> Iterator[Computed]:
    if min(jobs, len(papers)) <= 1:
        yield from (compute(paper, full) for paper in papers)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(min(jobs, len(papers)), multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(compute, papers, [full] * len(papers))
