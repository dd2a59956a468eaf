"""``hwsim cache``: where results of earlier runs are kept, how many there are, and how to be rid of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workloads.errors import UserError

if TYPE_CHECKING:
    from mapper.cache import CacheState


class CacheError(UserError):
    """The cache folder cannot be read or cleared."""


@click.command()
@click.option("--clear", is_flag=True, help="Remove all of them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cache(clear: bool, as_json: bool) -> None:
    """Show or clear what earlier runs have kept.

    That is mappings of --mapper optimal, the points of `hwsim compare` and the papers of `hwsim reproduce`.
    """
    from dataclasses import asdict

    from hwsim.output import json_text
    from mapper.cache import KINDS

    found = {kind: _look(kind, clear) for kind in KINDS}
    removed = sum(count for _, count in found.values())
    mappings, *others = (state for state, _ in found.values())
    if as_json:
        rest = {kind: asdict(state) for kind, (state, _) in found.items() if state is not mappings}
        click.echo(json_text({**asdict(mappings), **rest, "removed": removed}), nl=False)
        return
    if clear:
        click.echo(f"{removed:,} file{'' if removed == 1 else 's'} removed")
    _say(mappings, "mapping")
    for kind, state in zip(list(KINDS)[1:], others, strict=True):
        if state.entries or state.other_entries:
            _say(state, kind.removesuffix("s"))


def _look(kind: str, clear: bool) -> tuple[CacheState, int]:
    """What the folder of a kind holds, after removing it all if wanted, and how many files that were."""
    from mapper.cache import cache_folder, cache_state, clear_cache

    folder = cache_folder(kind)
    if folder is None:
        raise CacheError("there is no home folder to keep results in; set XDG_CACHE_HOME to a folder")
    try:
        removed = clear_cache(folder) if clear else 0
        return cache_state(folder, kind), removed
    except OSError as error:
        raise CacheError(f"{error.filename or folder}: {error.strerror}") from error


def _say(state: CacheState, noun: str) -> None:
    from hwsim.quantity import show

    entries = f"{state.entries:,} {noun}{'' if state.entries == 1 else 's'}"
    click.echo(f"{state.folder}: {entries}, {show(state.size_bytes, 'B')}")
    if state.other_entries:
        more = f"{state.other_entries:,} files, {show(state.other_bytes, 'B')}"
        click.echo(f"of other versions of the program: {more}; remove all with --clear")
