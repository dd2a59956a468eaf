"""``hwsim cache``: where mappings of earlier runs are kept, how many there are, and how to be rid of them."""

from __future__ import annotations

import click

from workloads.errors import UserError


class CacheError(UserError):
    """The cache folder cannot be read or cleared."""


@click.command()
@click.option("--clear", is_flag=True, help="Remove all of them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cache(clear: bool, as_json: bool) -> None:
    """Show or clear the mappings that earlier runs with --mapper optimal have kept."""
    from dataclasses import asdict

    from hwsim.output import json_text
    from hwsim.quantity import show
    from mapper.cache import cache_folder, cache_state, clear_cache

    folder = cache_folder()
    if folder is None:
        raise CacheError("there is no home folder to keep mappings in; set XDG_CACHE_HOME to a folder")
    try:
        removed = clear_cache(folder) if clear else 0
        state = cache_state(folder)
    except OSError as error:
        raise CacheError(f"{error.filename or folder}: {error.strerror}") from error
    if as_json:
        click.echo(json_text({**asdict(state), "removed": removed}), nl=False)
        return
    if clear:
        click.echo(f"{removed:,} file{'' if removed == 1 else 's'} removed")
    mappings = f"{state.entries:,} mapping{'' if state.entries == 1 else 's'}"
    click.echo(f"{state.folder}: {mappings}, {show(state.size_bytes, 'B')}")
    if state.other_entries:
        more = f"{state.other_entries:,} files, {show(state.other_bytes, 'B')}"
        click.echo(f"of other versions of the program: {more}; remove all with --clear")
