# Makes the database at the first start, then serves it to all with a password.
set -eu
data=/var/lib/postgresql/data
bin=$(ls -d /usr/lib/postgresql/*/bin)
as_postgres="setpriv --reuid=postgres --regid=postgres --clear-groups"
mkdir -p "$data" /var/run/postgresql
chown postgres "$data" /var/run/postgresql
chmod 700 "$data"
if [ ! -s "$data/PG_VERSION" ]; then
    echo "$POSTGRES_PASSWORD" >/tmp/password
    chown postgres /tmp/password
    $as_postgres "$bin/initdb" --pgdata "$data" --username "$POSTGRES_USER" --auth scram-sha-256 \
        --pwfile /tmp/password --encoding UTF8 --locale C.UTF-8
    rm /tmp/password
    echo "create database $POSTGRES_DB" | $as_postgres "$bin/postgres" --single -D "$data" postgres
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
fi
exec $as_postgres "$bin/postgres" -D "$data" -c "listen_addresses=*"
