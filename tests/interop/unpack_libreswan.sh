#!/bin/sh
# Unpacks Debian's libreswan beside strongSwan, whose packages it conflicts with, and installs the
# libraries it needs; as root. usage: unpack_libreswan.sh [DIRECTORY]   (default: /opt/libreswan)
set -eu
root=${1:-/opt/libreswan}
apt-get install -y -qq --no-install-recommends libnss3-tools libunbound8 libldns3 libcap-ng0 libcurl3-nss \
  libevent-core-2.1-7 libevent-pthreads-2.1-7 libldap-2.5-0 libpam0g libselinux1 libaudit1 > /dev/null
[ ! -x "$root/usr/libexec/ipsec/pluto" ] || exit 0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
cd "$scratch"
apt-get download -qq libreswan > /dev/null
mkdir -p "$root"
dpkg-deb -x libreswan_*.deb "$root"
