"""Who may do what on Redis: the product's user and the operator's. Only the rule; no server, no connection, no file."""

from __future__ import annotations

import hashlib

USER = "photogen"  # what the product's processes sign in as
OPERATOR = "default"  # signs in by password alone, as redis-cli does

RULE = " ".join(
    (
        # Kombu puts its global_keyprefix before every key and channel.
        "~photogen:*",
        "resetchannels",
        # A pattern that somebody subscribes to must stand here letter by letter: remote control, events.
        "&photogen:/0.celery.pidbox",
        "&photogen:/0.celeryev/*",
        "&photogen:/0.celeryev/worker.*",
        # All that moves messages; nothing that looks at other clients, changes the server or empties it.
        "+@all -@admin -@dangerous -acl",
        # Kombu's restore mutex and its tables of bindings are scripts; functions, and flushing scripts, are not.
        "-@scripting +eval +evalsha +script|load +script|exists",
    )
)


def user_lines(password: str, operator_password: str) -> tuple[str, str]:
    """Lines of redis.conf for both users; they hold the passwords' SHA-256, never the passwords."""
    return (
        f"user {OPERATOR} on #{_sha256(operator_password)} ~* &* +@all",
        f"user {USER} on #{_sha256(password)} {RULE}",
    )


def _sha256(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
