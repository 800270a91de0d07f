#!/usr/bin/env bash
# Installs what the tests drive and pip cannot bring: SIPp, the baresip softphone, the Chromium browser, the coturn relay, the Kamailio proxy, tshark, curl, Node, the openssl command, the PostgreSQL
# and Redis servers (the tests start their own, the system's are not touched), and a C compiler with OpenSSL's headers for the benchmark's
# load generator.
# Does nothing when they are there. Needs Debian's apt and root (or a sudo that asks for no password) otherwise.
set -euo pipefail

# Program on the PATH -> Debian package that brings it.
programs=(sipp:sip-tester baresip:baresip-core openssl:openssl cc:gcc redis-server:redis-server curl:curl node:nodejs
    chromium:chromium turnserver:coturn kamailio:kamailio tshark:tshark)

missing=()
for entry in "${programs[@]}"; do
    command -v "${entry%%:*}" >/dev/null 2>&1 || missing+=("${entry##*:}")
done
echo '#include <openssl/ssl.h>' | cc -E - >/dev/null 2>&1 || missing+=(libc6-dev libssl-dev)
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
[ "${#missing[@]}" -eq 0 ] && exit 0

refuse() {
    echo "The tests need ${missing[*]}, and $1." >&2
    echo "Install by hand, for example:  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 || refuse "this system has no apt-get"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true >/dev/null 2>&1 || refuse "this user is not root and sudo asks for a password"
    as_root=(sudo -n env DEBIAN_FRONTEND=noninteractive)
fi

echo "Installing for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install=("${as_root[@]}" apt-get install --yes --quiet=2 --no-install-recommends "${missing[@]}")
# The package lists of a fresh machine are empty or old: try what is there, then refresh once.
if ! "${install[@]}" >/dev/null 2>&1; then
    "${as_root[@]}" apt-get update --quiet=2 || refuse "the package lists could not be refreshed"
    "${install[@]}" >/dev/null || refuse "apt-get could not install it"
fi
