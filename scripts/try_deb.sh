#!/usr/bin/env bash
# Tries a Debian package where nobody has been before: in a clean Debian with PostgreSQL, booted in a container of
# systemd, it is installed, told what to serve, asked, reloaded, upgraded and removed. As root, in some minutes.
#
#   scripts/try_deb.sh FILE
set -euo pipefail

REPORT=/root/report
PROJECT=/root/project

fail() {
    echo "deb: $1" >&2
    exit 1
}

# What happens inside, step by step; the first that fails ends it.
inside() {
    export DEBIAN_FRONTEND=noninteractive
    set -x
    apt-get -qq install -y /root/fraiseql.deb
    fraiseql --version
    zcat /usr/share/man/man1/fraiseql-run.1.gz | grep -q fraiseql
    bash -c 'source /usr/share/bash-completion/completions/fraiseql && complete -p fraiseql'
    systemd-analyze verify --man=no fraiseql.service
    # From 0, which nothing can hurt, to 10.
    systemd-analyze security --threshold=20 --no-pager fraiseql.service | tail -n 1
    systemctl start fraiseql
    ! systemctl is-active fraiseql || fail 'it runs with nothing to serve'

    fraiseql init "$PROJECT"
    su postgres -c 'createdb app && createuser app'
    su postgres -c "psql -q -d app -c \"ALTER ROLE app PASSWORD 'secret'; GRANT CREATE ON SCHEMA public TO app; GRANT CREATE ON DATABASE app TO app\""
    export DATABASE_URL=postgres://app:secret@localhost:5432/app
    for file in "$PROJECT"/sql/*.sql; do
        psql -q -v ON_ERROR_STOP=1 -f "$file" "$DATABASE_URL"
    done
    (cd "$PROJECT" && python3 schema.py && fraiseql compile --database "$DATABASE_URL")
    cp "$PROJECT"/{fraiseql.toml,schema.compiled.json} /etc/fraiseql
    echo "DATABASE_URL=$DATABASE_URL" >/etc/fraiseql/environment
    fraiseql doctor --config /etc/fraiseql/fraiseql.toml

    systemctl enable --now fraiseql
    is_ready
    ask
    pid=$(systemctl show -P MainPID fraiseql)
    [ "$(stat -c %u "/proc/$pid")" != 0 ] || fail 'it runs as root'
    systemctl reload fraiseql
    until journalctl -u fraiseql | grep -q reloaded; do sleep 0.1; done
    ask
    [ "$(systemctl show -P MainPID fraiseql)" = "$pid" ] || fail 'a reload has ended it'

    apt-get -qq install -y --reinstall /root/fraiseql.deb
    is_ready
    ask
    [ "$(systemctl show -P MainPID fraiseql)" != "$pid" ] || fail 'an upgrade leaves the old program running'
    grep -q secret /etc/fraiseql/environment || fail 'an upgrade has overwritten what was configured'

    apt-get -qq remove -y fraiseql
    ! systemctl is-active fraiseql || fail 'it runs without its package'
    [ ! -e /usr/bin/fraiseql ] || fail 'the program is left behind'
    grep -q secret /etc/fraiseql/environment || fail 'to remove it is not to forget what was configured'
    apt-get -qq purge -y fraiseql
    [ ! -e /etc/fraiseql/environment ] || fail 'the password is left behind'
    [ -e /etc/fraiseql/fraiseql.toml ] || fail 'what it has not brought is gone'
    [ ! -e /usr/lib/python3/dist-packages/fraiseql ] || fail 'what Python compiled is left behind'
    set +x
    echo ok
}

is_ready() {
    for _ in $(seq 100); do
        if fraiseql health --config /etc/fraiseql/fraiseql.toml; then return 0; fi
        sleep 0.1
    done
    journalctl --no-pager -u fraiseql
    fail 'it does not become ready'
}

# The users of the example, over GraphQL.
ask() {
    python3 - <<'PYTHON'
import json
import urllib.request

body = json.dumps({"query": "{ users(orderBy: [{ name: ASC }]) { name posts { title } } }"}).encode()
request = urllib.request.Request("http://localhost:8080/graphql", body, {"content-type": "application/json"})
users = json.load(urllib.request.urlopen(request, timeout=10))["data"]["users"]
assert [user["name"] for user in users] == ["Ada Lovelace", "Edsger Dijkstra", "Grace Hopper"], users
PYTHON
}

outside() {
    local package
    package=$(realpath "$1")
    for tool in debootstrap systemd-nspawn; do
        command -v "$tool" >/dev/null 2>&1 || fail "$tool is missing; type: sudo apt-get install -y debootstrap systemd-container"
    done
    work=$(mktemp -d)
    trap 'rm -rf --one-file-system "$work"' EXIT
    root=$work/debian
    "$(dirname "$0")/clean_debian.sh" "$root" systemd-sysv dbus postgresql python3
    cp "$package" "$root/root/fraiseql.deb"
    cp "$0" "$root/root/try_deb.sh"
    cat >"$root/etc/systemd/system/trial.service" <<UNIT
[Unit]
After=postgresql.service
Wants=postgresql.service
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
TimeoutStartSec=300
Environment=PATH=$PATH_OF_ROOT
ExecStart=/bin/bash /root/try_deb.sh --inside
StandardOutput=file:$REPORT
StandardError=inherit
UNIT
    systemd-nspawn -D "$root" --quiet --register=no --keep-unit --private-network --console=pipe --boot \
        systemd.unit=multi-user.target systemd.wants=trial.service </dev/null >"$work/console" 2>&1 || true
    cat "$root$REPORT"
    tail -n 1 "$root$REPORT" | grep -qx ok || { tail -n 20 "$work/console" >&2; fail 'the package does not work'; }
}

PATH_OF_ROOT=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ "$1" = --inside ]; then inside; else outside "$1"; fi
