#!/bin/sh
# Starts Redis for docker-compose.yml with two users; the rule is that of photogen_tasks/broker_acl.py, which says why.
# Passwords come from the environment: REDISCLI_AUTH is the product's, as the healthcheck's redis-cli reads it, and
# REDIS_ADMIN_PASSWORD the operator's. The server is told their SHA-256 through its standard input: no command line,
# no file holds them.
set -eu

sha256() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

operator=$(sha256 "$REDIS_ADMIN_PASSWORD")
photogen=$(sha256 "$REDISCLI_AUTH")
unset REDIS_ADMIN_PASSWORD REDISCLI_AUTH

# Never evicting: a full broker must refuse, not forget.
exec redis-server - <<EOF
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
save ""
user default on #$operator ~* &* +@all
user photogen on #$photogen ~photogen:* resetchannels &photogen:/0.celery.pidbox &photogen:/0.celeryev/* &photogen:/0.celeryev/worker.* +@all -@admin -@dangerous -acl -@scripting +eval +evalsha +script|load +script|exists
EOF
