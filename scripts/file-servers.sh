#!/usr/bin/env bash
# Servers for files of others, as Debian has them, for tests: vsftpd, plain, with AUTH TLS, and under TLS from the
# first byte; git, which tests start themselves, is only installed. Each on a port of its own, with the files in one
# directory, and gone with whoever started them.
#
#   scripts/file-servers.sh need          installs what is missing, or says what that is
#   scripts/file-servers.sh serve DIR     prints `ftp PORT`, `ftps PORT`, `implicit PORT` and `ready`, and stops all
#                                         of them when its input ends
#
# What clients see is in DIR/files; DIR/server.crt is what the servers show.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PATH=$PATH:/usr/sbin

need() {
    command -v vsftpd >/dev/null || packages "vsftpd is missing, which tests FTP" vsftpd
    command -v git >/dev/null || packages "git is missing, whose server tests Git" git
    command -v openssl >/dev/null || packages "OpenSSL is missing, which makes certificates for tests" openssl
}

# A port on which nobody listens, by asking the system for one.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_vsftpd NAME PORT [SETTING=VALUE ...]: guests may do everything, as the user who runs the test.
start_vsftpd() {
    local name=$1 port=$2
    shift 2
    cat >"$dir/$name.conf" <<CONF
listen=YES
listen_address=127.0.0.1
listen_port=$port
background=NO
run_as_launching_user=YES
seccomp_sandbox=NO
connect_from_port_20=NO
anonymous_enable=YES
no_anon_password=NO
anon_root=$dir/files
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
write_enable=YES
local_enable=NO
rsa_cert_file=$dir/server.crt
rsa_private_key_file=$dir/server.key
xferlog_enable=NO
CONF
    printf '%s\n' "$@" >>"$dir/$name.conf"
    vsftpd "$dir/$name.conf" >"$dir/$name.log" 2>&1 &
    started+=($!)
}

wait_for_port() {
    local n
    for n in $(seq 400); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
        sleep 0.05
    done
    tail -n 5 "$dir"/*.log >&2
    fail "nothing listens on port $1 after 20 s"
}

stop_all() {
    local pid
    for pid in "${started[@]:+${started[@]}}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$dir"
}

serve() {
    local ftp ftps implicit port
    need >&2
    mkdir -p "$1/files"
    dir=$(realpath "$1")
    started=()
    trap stop_all EXIT
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=linkflow-test \
        -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
        -keyout "$dir/server.key" -out "$dir/server.crt" 2>/dev/null
    ftp=$(free_port) ftps=$(free_port) implicit=$(free_port)
    start_vsftpd ftp "$ftp"
    local tls=(ssl_enable=YES allow_anon_ssl=YES force_anon_logins_ssl=YES force_anon_data_ssl=YES)
    start_vsftpd ftps "$ftps" "${tls[@]}"
    start_vsftpd implicit "$implicit" "${tls[@]}" implicit_ssl=YES
    for port in "$ftp" "$ftps" "$implicit"; do wait_for_port "$port"; done
    printf 'ftp %s\nftps %s\nimplicit %s\nready\n' "$ftp" "$ftps" "$implicit"
    while read -r _; do :; done
}

case "${1:-}" in
need) need ;;
serve) serve "$2" ;;
*) fail "say what: need, or serve DIR" ;;
esac
