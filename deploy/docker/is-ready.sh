#!/bin/bash
# Whether the role in this container takes work: exit status 0 when it says so. The image has no
# curl, so bash itself asks.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/${PORT:-8090}"
printf 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 4 _ status _ <&3
[ "$status" = 200 ]
