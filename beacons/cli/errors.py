"""What ends a command: what is wrong, where, and the next step, with an exit status that scripts can tell apart.

0    done
1    `health`: something needs a hand now; `decode`: no beacon
2    the command line, or a file that it names, is not what was expected
3    RefusedError     the server refused what was asked for; nothing was changed
4    NotLetInError    who asks is not let in, or not to this
5    UnansweredError  no server, no trust in it, or none that can answer now: ask again later
130  stopped by Ctrl-C
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

EXIT_FOUND = 1
EXIT_STOPPED = 130


class CommandError(click.ClickException):
    """The end of a command; `next_step` says what to do about it. Shows no traceback."""

    exit_code = 2

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(f"{what}\n{next_step}" if next_step else what)
        self.what = what
        self.next_step = next_step


class RefusedError(CommandError):
    """The server understood, and will not; nothing was changed."""

    exit_code = 3


class NotLetInError(CommandError):
    """Who asks is not let in, or not to this."""

    exit_code = 4


class UnansweredError(CommandError):
    """There is no answer to be had now."""

    exit_code = 5


class StoppedError(CommandError):
    """Ctrl-C."""

    exit_code = EXIT_STOPPED

    def __init__(self, what: str = "stopped") -> None:
        super().__init__(what)


class Commands(click.Group):
    """A group that ends quietly on Ctrl-C, also in the middle of a question.

    `lazily` names more commands and where each is, as ``module:attribute``: a module is imported when its command is
    asked for, so that nobody waits for what another command needs.
    """

    def __init__(self, *args: Any, lazily: Mapping[str, str] | None = None, **kwargs: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **kwargs)
        self._lazily = lazily or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted({*super().list_commands(ctx), *self._lazily})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command; None where there is no such."""
        where = self._lazily.get(cmd_name)
        if where is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = where.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            raise StoppedError from None
