#!/bin/bash
# Records INFO of a server for redis-VERSION.info and the like: record.sh PACKAGE SERVER CLI > FILE
# It has looked up keys that were there and were not, has expired, evicted nothing, and answered errors.
set -euo pipefail
port=16399 package=$1 server=$2 cli="$3 -p 16399"
$server --port $port --bind 127.0.0.1 --save '' --maxmemory 64mb >/dev/null &
trap 'kill $!' EXIT
until $cli ping >/dev/null 2>&1; do sleep 0.1; done
$cli set stays x >/dev/null
for i in 1 2 3; do $cli set lives$i x ex 3600 >/dev/null; done
$cli set dies x px 10 >/dev/null
$cli -n 3 set other x >/dev/null
for i in 1 2 3 4 5 6 7; do $cli get stays >/dev/null; done
$cli mget nothing nobody >/dev/null
$cli unlink lives3 >/dev/null
$cli lpop stays >/dev/null || true
sleep 1.5 # until the time to live is estimated
$cli get dies >/dev/null
echo "# Origin: recorded by collector/testdata/record.sh from Debian's $package"
$cli info all
