#!/bin/bash
# What units-campaign.sh does once systemd runs.
set -uo pipefail
passed=0 failed=0
toml=/etc/doorbuster/doorbuster.toml data=/var/lib/doorbuster/doorbuster.db
shop=http://127.0.0.1:8080

check() {
    local what=$1
    shift
    if "$@" >/tmp/said 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED: $what: $*"
        tail -n 5 /tmp/said
        journalctl --unit doorbuster --lines 5 --no-pager
    fi
}
is() { [ "$(systemctl show --property "$2" --value "$1")" = "$3" ]; }
soon() { for _ in $(seq 200); do "$@" && return; sleep 0.1; done; "$@"; }
answers() { curl --silent --show-error --fail --output /dev/null --max-time 20 $shop/v1/items/sku-1; }
refuses() { ! answers; }
kill_it() { kill -KILL "$(systemctl show --property MainPID --value doorbuster)"; }
buy() {
    curl --silent --fail --max-time 20 --header "Authorization: Bearer $(doorbuster token --config $toml --user "$1")" \
        --json '{"quantity":1}' $shop/v1/items/sku-1/orders
}
# What one buyer after another hears while something is done: every one gets an answer.
undisturbed() {
    : >/tmp/refused
    touch /tmp/go
    (while [ -e /tmp/go ]; do answers 2>>/tmp/refused; done) &
    "$@"
    local code=$?
    soon is doorbuster ActiveState active
    rm /tmp/go
    wait
    cat /tmp/refused
    [ $code = 0 ] && [ ! -s /tmp/refused ]
}

check "installs" dpkg --install /campaign/one.deb
check "is not started" is doorbuster ActiveState inactive
check "refuses without a key" bash -c '! systemctl start doorbuster'
check "with 78" is doorbuster ExecMainStatus 78
check "and is not tried again" is doorbuster ActiveState failed
check "nor by a buyer" refuses

openssl rand -hex 32 2>/dev/null >/campaign/jwt || head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >/campaign/jwt
install -m 400 -o doorbuster -g doorbuster /campaign/jwt /etc/doorbuster/secrets/jwt
cp /usr/share/doc/doorbuster/examples/catalogue.toml /etc/doorbuster/
sed -i 's|^\[catalogue\]|[catalogue]\npath = "/etc/doorbuster/catalogue.toml"|' $toml
check "starts, and says that it is ready" systemctl enable --now doorbuster
check "and how it is" bash -c 'systemctl show --property StatusText doorbuster | grep Healthy'
check "sells" buy ann
check "reads again" systemctl reload doorbuster
check "a restart refuses nobody" undisturbed systemctl restart doorbuster
check "an upgrade refuses nobody" undisturbed dpkg --install /campaign/two.deb
check "is started again after a crash" kill_it
check "with its sockets" soon answers
check "by itself" is doorbuster NRestarts 1
check "and the socket is systemd's" is doorbuster-public.socket ActiveState active
check "stops" systemctl stop doorbuster
check "and is woken by nobody" refuses

cp --preserve $data /campaign/data
dd if=/dev/zero of=$data bs=100 count=3 conv=notrunc status=none
systemctl start doorbuster 2>/dev/null
several() { [ "$(systemctl show --property NRestarts --value doorbuster)" -gt 7 ]; }
check "a data file that cannot be read is tried again and again" soon several
check "with 74" soon is doorbuster ExecMainStatus 74
cp --preserve /campaign/data $data
check "until it is there" soon is doorbuster ActiveState active
check "on systemd's socket" is doorbuster-public.socket ActiveState active
check "sells on" buy ben
check "the inventory follows" systemctl start doorbuster-inventory
check "is healthy" bash -c 'curl --silent --fail http://127.0.0.1:9191/stock'

systemctl stop doorbuster doorbuster-inventory
check "is whole" setpriv --reuid doorbuster --regid doorbuster --clear-groups doorbuster verify --db $data
check "is removed" dpkg --purge doorbuster
check "leaves no data" bash -c '! ls -d /etc/doorbuster /var/lib/doorbuster* /etc/systemd/system/*/doorbuster*'
echo "units: $passed passed, $failed failed"
[ $failed = 0 ]
