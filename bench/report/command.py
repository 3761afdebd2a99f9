"""The scripts' command line: lists of files after an option, errors of one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import typer


def run(main: Callable[..., None], several: Sequence[str]) -> None:
    """Run a script; what a user can mend is one line on standard error, not a traceback.

    Args:
        several: options that take all values up to the next option, as a shell makes of a pattern.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app(args=one_by_one(sys.argv[1:], several))
    except (ValueError, OSError) as error:
        print(f"{sys.argv[0]}: {error}", file=sys.stderr)
        sys.exit(2)


def one_by_one(arguments: Sequence[str], several: Sequence[str]) -> list[str]:
    """The same with the name of its option in front of each value: ``-a 1 2`` → ``-a 1 -a 2``."""
    named: list[str] = []
    option = ""
    for argument in arguments:
        if argument.startswith("-"):
            option = argument
        elif option in several and named[-1] != option:
            named.append(option)
        named.append(argument)
    return named
