"""``vivace check``: everything that is wrong with an app, at once, without starting it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click
import msgspec

from vivace.app.behind import check_database, check_files
from vivace.app.deploy import deploy_findings
from vivace.errors import AppInvalid, Finding, SettingsInvalid, VivaceError

from . import target
from .group import EXIT_ERROR
from .terminal import paint, say, show_findings

if TYPE_CHECKING:
    from vivace.app import App

_FAILS_AT: Final = {"error": ("error",), "warning": ("error", "warning"), "never": ()}


@click.command()
@target.argument
@click.option(
    "--deploy", is_flag=True, help="Look at what matters in public, too: keys, hosts, debug, HTTPS …"
)
@click.option("--database", "alias", default="", metavar="ALIAS", help="Ask this database, too, which migrations it has not seen.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@click.option(
    "--fail-level",
    type=click.Choice(list(_FAILS_AT)),
    default="error",
    show_default=True,
    help="The least level that makes the exit status 1.",
)
@click.option(
    "--ignore", multiple=True, metavar="ID", help="Leave out findings with this id; may be given again."
)
def check(
    target: str, deploy: bool, alias: str, as_json: bool, fail_level: str, ignore: Sequence[str]
) -> None:
    """Report every finding with its id, place and hint. Exit status 1 when there are errors (see --fail-level)."""
    findings = [finding for finding in _findings(target, deploy, alias) if finding.id not in ignore]
    failed = any(finding.level in _FAILS_AT[fail_level] for finding in findings)
    if as_json:
        document = {"ok": not failed, "findings": findings}
        click.echo(msgspec.json.format(msgspec.json.encode(document)))
    else:
        show_findings(findings)
        say(_summary(findings))
    sys.exit(EXIT_ERROR if failed else 0)


def _findings(name: str, deploy: bool, alias: str) -> list[Finding]:
    """Return all findings; an app that cannot even be loaded is one, with what stopped it."""
    try:
        app = target.load(name)
        found = [*app.check(), *check_files(app.data), *(deploy_findings(app) if deploy else ())]
        return [*found, *(asyncio.run(_asked(app, alias)) if alias else ())]
    except (AppInvalid, SettingsInvalid) as error:
        return list(error.findings)
    except VivaceError as error:
        return [Finding.from_error(error)]


async def _asked(app: App, alias: str) -> list[Finding]:
    try:
        return await check_database(app.data, alias)
    finally:
        await app.databases.close()


def _summary(findings: Sequence[Finding]) -> str:
    errors = sum(finding.level == "error" for finding in findings)
    if not findings:
        return paint("Nothing is wrong.", fg="green")
    warnings = len(findings) - errors
    return f"{errors} error{'' if errors == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}."
