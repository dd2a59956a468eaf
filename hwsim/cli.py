"""The ``hwsim`` program: a host that knows no command of its own.

Commands are found through the entry-point group ``hwsim.commands``; hwsim's own packages bring theirs the same way as
a user's package would. A command's module is imported only when the command runs or its help is shown.

Exit codes: 0 done, 1 a bug or a closed pipe, 2 something the user can mend, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points, version
from importlib.util import find_spec
from pathlib import Path

import click

GROUP = "hwsim.commands"
PACKAGES = ("workloads", "hwsim", "mapper", "search")
USER_ERROR = 2
INTERRUPTED = 130


class Host(click.Group):
    """A click group whose commands are entry points, loaded when they are asked for."""

    def __init__(self, entries: Iterable[EntryPoint]) -> None:
        super().__init__(
            name="hwsim",
            help="Hardware accelerator simulator: how fast, and at what energy, would this model run on that chip?",
            params=[_version_option()],
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        )
        self.entries = {entry.name: entry for entry in sorted(entries, key=_precedence)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, sorted; nothing is imported."""
        return sorted(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now, or None; one that can't be imported says why when it runs."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        try:
            command = entry.load()
        except (ImportError, AttributeError) as error:
            return _broken(entry, f"{type(error).__name__}: {error}")
        if not isinstance(command, click.Command):
            return _broken(entry, "it is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a command line; a wrong name is answered with the closest one."""
        if args[0] not in self.entries and not args[0].startswith("-"):
            from workloads.errors import did_you_mean

            ctx.fail(f"no command is named {args[0]!r}{did_you_mean(args[0], self.entries)}")
        return super().resolve_command(ctx, args)


def _precedence(entry: EntryPoint) -> tuple[bool, str]:
    # The last of two equal names wins, so that a user's package can add a command but not replace one of ours.
    return (entry.value.partition(".")[0] in PACKAGES, entry.value)


def _broken(entry: EntryPoint, reason: str) -> click.Command:
    message = f"command {entry.name!r} ({entry.value}) cannot be loaded: {reason}"

    def fail() -> None:
        from workloads.errors import UserError

        raise UserError(message)

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(entry.name, callback=fail, short_help=f"({message})", context_settings=settings)


def _version_option() -> click.Option:
    def show(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted:
            click.echo(f"hwsim {version('hwsim')}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show the version and exit."
    )


def shadowed_package() -> str | None:
    """Why the four packages can't work together: one of them was found elsewhere; None if all is well.

    The names are not unique: a folder on the Python path may hold a ``search.py``, and ``mapper`` exists on PyPI.
    """
    home = Path(__file__).resolve().parents[1]
    for name in PACKAGES:
        spec = find_spec(name)
        expected = home / name / "__init__.py"
        if spec is None or spec.origin is None:
            return f"hwsim's package {name!r} is missing, expected {expected}; install hwsim again"
        found = Path(spec.origin).resolve()
        if found != expected:
            return f"{found} hides hwsim's package {name!r} ({expected}); rename it or take it off the Python path"
    return None


def run(arguments: Sequence[str], entries: Iterable[EntryPoint]) -> int:
    """Run one command line with the given commands.

    Returns:
        The exit code; messages for the user have been written to standard error.
    """
    problem = shadowed_package()
    if problem is not None:
        return _fail(problem)
    from workloads.errors import UserError

    try:
        result = Host(entries).main(list(arguments), prog_name="hwsim", standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        return _fail(str(error))
    except click.ClickException as error:
        error.show()
        return USER_ERROR
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except OSError as error:
        if error.filename is not None:
            raise
        # A stream has no name: standard output is full. Without it, nothing is flushed again at exit.
        sys.stdout = None
        return _fail(f"standard output cannot be written: {error.strerror}")
    return result if isinstance(result, int) else 0


def _fail(message: str) -> int:
    click.echo(f"error: {message}", err=True)
    return USER_ERROR


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:], entry_points(group=GROUP)))
