#!/usr/bin/env bash
# Builds both images, brings docker-compose.yml up, sends one job through HTTP to its end, checks health, metrics
# and walls, and takes everything down. Needs a container engine and this tree's environment (`make install`).
#
#   ENGINE_COMPOSE      compose v2 or docker-compose 1.29          (docker compose)
#   ENGINE_BUILD        called with TAG FILE DIR [OPTIONS…]        (docker build, its arguments reordered)
#   ENGINE_HEALTHCHECK  called with a container's id, again and again: for an engine without a timer of its own
#   LOCAL_BASES         set where no image can be pulled: PostgreSQL and S3 are then built on POSTGRES_BASE and
#                       BASE_IMAGE, and REDIS_IMAGE and PROMETHEUS_IMAGE must be there already
#   PYTHON              this tree's interpreter                    (.venv/bin/python)
set -euo pipefail
cd "$(dirname "$0")/../.."

PYTHON=${PYTHON:-.venv/bin/python}
ENGINE_COMPOSE=${ENGINE_COMPOSE:-docker compose}
ENGINE_BUILD=${ENGINE_BUILD:-docker_build}
PROJECT=photogen-test
READY_SECONDS=300
scratch=$(mktemp -d)
files=(-f docker-compose.yml)

docker_build() {
    local tag=$1 file=$2 dir=$3
    shift 3
    docker build --tag "$tag" --file "$file" "$@" "$dir"
}

say() { printf '\n== %s\n' "$*" >&2; }

compose() { $ENGINE_COMPOSE --project-name "$PROJECT" --env-file "$scratch/env" "${files[@]}" "$@"; }

write_env() {
    export PHOTOGEN_LIGHT_IMAGE=localhost/photogen-light:test PHOTOGEN_GPU_IMAGE=localhost/photogen-gpu:test
    export API_PORT=18000 S3_PORT=19000 FLOWER_PORT=15555 PROMETHEUS_PORT=19090
    export PUBLIC_URL=http://127.0.0.1:$API_PORT S3_PUBLIC_URL=http://127.0.0.1:$S3_PORT
    local name
    for name in POSTGRES_PASSWORD REDIS_PASSWORD REDIS_ADMIN_PASSWORD FLOWER_PASSWORD GRAFANA_PASSWORD S3_SECRET_KEY; do
        export "$name=$("$PYTHON" -c 'import secrets; print(secrets.token_hex(16))')"
    done
    export S3_ACCESS_KEY=photogen
    cp .env.example "$scratch/env" # what is exported goes before what it says
}

build() {
    local base=(${BASE_IMAGE:+--build-arg "BASE_IMAGE=$BASE_IMAGE"})
    local torch=(${TORCH_INDEX_URL:+--build-arg "TORCH_INDEX_URL=$TORCH_INDEX_URL"})
    $ENGINE_BUILD "$PHOTOGEN_LIGHT_IMAGE" Dockerfile.gpu . --target light "${base[@]}"
    $ENGINE_BUILD "$PHOTOGEN_GPU_IMAGE" Dockerfile.gpu . --target gpu "${base[@]}" "${torch[@]}"
    if [ -n "${LOCAL_BASES:-}" ]; then
        export S3_IMAGE=localhost/photogen-s3:test POSTGRES_IMAGE=localhost/photogen-postgres:test
        $ENGINE_BUILD "$S3_IMAGE" tests/compose/s3/Dockerfile tests/compose/s3 "${base[@]}"
        $ENGINE_BUILD "$POSTGRES_IMAGE" tests/compose/postgres/Dockerfile tests/compose/postgres \
            --build-arg "BASE_IMAGE=$POSTGRES_BASE"
        files+=(-f tests/compose/override.yml)
    fi
}

tick() {
    local id
    while sleep 2; do
        for id in $(compose ps -q 2>/dev/null); do $ENGINE_HEALTHCHECK "$id" >/dev/null 2>&1 || true; done
    done
}

finish() {
    local status=$?
    trap - EXIT
    [ "$status" = 0 ] || { compose ps; compose logs --tail 40; } >&2 || true
    [ -z "${ticker:-}" ] || kill "$ticker" 2>/dev/null || true
    say "taking all down"
    compose down --volumes --timeout 20 >&2 || status=1
    rm -rf "$scratch"
    [ "$status" != 0 ] || say "compose-test passed"
    exit "$status"
}

await() {
    local what=$1 until=$((SECONDS + READY_SECONDS))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || { echo "waited $READY_SECONDS s in vain for $what" >&2; return 1; }
        sleep 1
    done
}

# fetch URL [USER:PASSWORD]: the body; fails on any status but 200.
fetch() {
    "$PYTHON" -c 'import sys, httpx; a = httpx.get(sys.argv[1], timeout=5, auth=tuple(sys.argv[2].split(":")) if sys.argv[2:] else None); print(a.text); sys.exit(a.status_code != 200)' "$@"
}

metric() { fetch "http://127.0.0.1:$PROMETHEUS_PORT/api/v1/query?query=$1" | grep -qF "$2"; }

in_flower() {
    fetch "http://127.0.0.1:$FLOWER_PORT/api/tasks?search=$1" "photogen:$FLOWER_PASSWORD" | grep -qF "\"$2\""
}

ready() { fetch "$PUBLIC_URL/readyz" | grep -q '"ready"'; }

refuses() { ! "$@" >/dev/null 2>&1; }

check() {
    local what=$1
    shift
    "$@" || { echo "not so: $what" >&2; return 1; }
    echo "so it is: $what" >&2
}

say "building"
write_env
build
trap finish EXIT
say "starting"
[ -z "${ENGINE_HEALTHCHECK:-}" ] || { tick & ticker=$!; }
compose up -d --no-build
await "the API" ready
key=$(compose exec -T api photogen keys create compose-test | tr -d '\r' | tail -1)

say "one job through HTTP"
job=$("$PYTHON" tests/compose/drive.py "$PUBLIC_URL" "$key" "$scratch/images" | head -1)

say "looking around"
check "the exporter sees database, broker and workers" compose exec -T exporter \
    python docker/answers.py http://127.0.0.1:9808/health
await "Prometheus's next scrape" metric 'sum(photogen_jobs_total%7Boutcome=%22succeeded%22%7D)' '"1"]'
check "four workers are counted" metric 'sum(photogen_workers)' '"4"]'
check "five stage runs are counted" metric 'sum(photogen_stage_duration_seconds_count)' '"5"]'
check "no alert rule is broken" metric 'sum(prometheus_rule_evaluation_failures_total)' '"0"]'
check "Flower finds the job's tasks" in_flower "$job" "$job.train.1"
check "Flower refuses others" refuses fetch "http://127.0.0.1:$FLOWER_PORT/tasks"
check "the API refuses a wrong key" refuses "$PYTHON" tests/compose/drive.py "$PUBLIC_URL" wrong "$scratch/none"
check "the API runs as nobody in particular" test "$(compose exec -T api id -u | tr -d '\r')" = 10001
check "the worker runs as nobody in particular" test "$(compose exec -T worker-train id -u | tr -d '\r')" = 10001
check "Redis refuses the product's user what is the operator's" refuses compose exec -T redis \
    sh -c 'redis-cli --user photogen flushall | grep -qx OK'
check "Redis lets the operator in" compose exec -T redis \
    sh -c 'REDISCLI_AUTH=$REDIS_ADMIN_PASSWORD redis-cli acl whoami | grep -qx default'
check "Redis refused the product nothing it needs" refuses compose exec -T redis \
    sh -c 'REDISCLI_AUTH=$REDIS_ADMIN_PASSWORD redis-cli acl log | grep -A1 -x object | grep -v flushall | grep -q photogen'
check "no command line holds Redis's password" refuses compose exec -T redis \
    sh -c 'case "$(cat /proc/[0-9]*/cmdline | tr "\0" " ")" in *"$REDISCLI_AUTH"*) ;; *) exit 1 ;; esac' # no grep: it would find itself
check "the light image holds no torch" refuses compose exec -T api python -c 'import torch'
