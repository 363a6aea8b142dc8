"""The commands by name. Only the one that runs is imported, so ``vivace --help`` and every start stay quick.

Exit status
-----------
===  ====================================================================
0    done; stopped by a signal after draining; nothing found by ``check``
1    an error, or findings of ``check``
2    the command line is wrong: unknown command, option or value
3    the app cannot start: settings, start-up check or a start-up hook
130  interrupted
===  ====================================================================
"""

from __future__ import annotations

import importlib
from typing import Any, Final

import click

from vivace.engine.workers.options import EXIT_STARTUP
from vivace.errors import AppInvalid, SettingsInvalid, StartupFailed, VivaceError, nearest

EXIT_ERROR: Final = 1
_CANNOT_START: Final = (AppInvalid, SettingsInvalid, StartupFailed)
# name → (module:attribute, help in a line); the order is that of the help
COMMANDS: Final = {
    "new": ("vivace.cli.new:new", "Write a new project."),
    "make": ("vivace.cli.make:make", "Write the code of a resource into a project."),
    "dev": ("vivace.cli.dev:dev", "Serve an app while you write it."),
    "run": ("vivace.cli.run:run", "Serve an app in production."),
    "routes": ("vivace.cli.routes:routes", "List the routes of an app."),
    "check": ("vivace.cli.check:check", "Report everything that is wrong with an app."),
    "makemigrations": ("vivace.cli.migrations:makemigrations", "Write the migrations that the models need."),
    "migrate": ("vivace.cli.migrations:migrate", "Apply or undo migrations."),
    "showmigrations": ("vivace.cli.migrations:showmigrations", "List migrations and which are applied."),
    "sqlmigrate": ("vivace.cli.migrations:sqlmigrate", "Print the SQL of a migration."),
    "squashmigrations": ("vivace.cli.migrations:squashmigrations", "Write one migration in place of many."),
    "optimizemigration": ("vivace.cli.migrations:optimizemigration", "Shorten a migration."),
    "drift": ("vivace.cli.migrations:drift", "Report how the live database differs from the migrations."),
    "inspectdb": ("vivace.cli.migrations:inspectdb", "Print models for a database that is there."),
    "static": ("vivace.cli.static:static", "List, find or collect the static files of an app."),
    "shell": ("vivace.cli.shell:shell", "Start a Python prompt inside an app."),
    "dbshell": ("vivace.cli.dbshell:dbshell", "Start the database's own command line."),
    "dumpdata": ("vivace.cli.fixtures:dumpdata", "Write objects of the database as JSON."),
    "loaddata": ("vivace.cli.fixtures:loaddata", "Save objects from JSON."),
    "sendtestemail": ("vivace.cli.sendtestemail:sendtestemail", "Send a message as the mail settings say."),
    "createsuperuser": ("vivace.cli.users:createsuperuser", "Make a user who may do everything."),
    "changepassword": ("vivace.cli.users:changepassword", "Give a user another password."),
    "clearsessions": ("vivace.cli.users:clearsessions", "Delete the sessions that are over."),
    "config": ("vivace.cli.config:config", "Look at the settings of an app."),
    "demo": ("vivace.cli.demo:demo", "Serve a community site with content, to try it all."),
    "version": ("vivace.cli.version:version", "Say which versions are installed."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, ``None`` when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; an unknown one is an error with the nearest match."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            hint = nearest(name, COMMANDS) or f"There are: {', '.join(COMMANDS)}."
            ctx.fail(f"There is no command {name!r}. {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; our errors are told in their three parts, without a traceback."""
        try:
            return super().invoke(ctx)
        except VivaceError as error:
            from .terminal import show_error

            show_error(error)
            ctx.exit(EXIT_STARTUP if isinstance(error, _CANNOT_START) else EXIT_ERROR)


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
def main() -> None:
    """Vivace: begin, serve, look at and check an app.

    TARGET is a file (app.py), a module (package.module) or an app in one (package.module:app). Without it, the app is
    looked for in app.py, main.py and the like in the current folder, then in a package there that has an app.py.
    """


__all__ = ["COMMANDS", "EXIT_ERROR", "EXIT_STARTUP", "LazyGroup", "main"]
