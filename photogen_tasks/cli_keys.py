"""The commands `photogen keys`: API keys, and what the tenants behind them may do. Thin; see keys."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from photogen_tasks import terminal
from photogen_tasks.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="API keys, and what their tenants may do.")
WHO = "May the tenant's customers write prompts, or only choose styles?"


@app.command("create")
def create(
    tenant: str,
    name: Annotated[str, typer.Option(help="To recognise the key by.")] = "",
    own_prompts: Annotated[
        bool | None, typer.Option("--own-prompts/--styles-only", help=f"{WHO} Default: as it is; new ones may write.")
    ] = None,
) -> None:
    """Make an API key for a tenant (made if new). It is shown once."""
    from photogen_tasks import db, keys

    with db.session_scope() as session:
        print(keys.create(session, tenant, name, own_prompts=own_prompts))  # noqa: T201 - shown once


@app.command("allow")
def allow(
    tenant: str, own_prompts: Annotated[bool, typer.Option("--own-prompts/--styles-only", help=WHO)] = True
) -> None:
    """Change what a tenant may do, whatever its keys."""
    from photogen_tasks import db, keys

    with db.session_scope() as session:
        found = keys.allow_own_prompts(session, tenant, own_prompts)
    if not found:
        raise UsageError("no_such_tenant", f"There is no tenant {tenant}.")


@app.command("list")
def list_keys() -> None:
    """List all keys by their first letters."""
    from photogen_tasks import db, keys

    table = Table("tenant", "draws", "name", "key", "state")
    with db.read_scope() as session:
        for tenant, key in keys.listing(session):
            draws = "own prompts" if tenant.own_prompts else "styles only"
            state = "revoked" if key.revoked_at else "active"
            table.add_row(tenant.name, draws, key.name, f"{key.prefix}…", state)
    terminal.console().print(table)


@app.command("revoke")
def revoke(prefix: str) -> None:
    """Refuse a key from now on, by its first letters as `list` shows them."""
    from photogen_tasks import db, keys

    with db.session_scope() as session:
        count = keys.revoke(session, prefix.rstrip("…"))
    if not count:
        raise UsageError("no_such_key", f"No active key starts with {prefix}.")
