#!/usr/bin/env bash
# A mail server for tests: SMTP by aiosmtpd and IMAP by Dovecot, found or installed as Debian has them,
# started on ports of their own with their files in one directory, and gone with whoever started them.
#
#   scripts/mail.sh need         installs what is missing, or says what that is
#   scripts/mail.sh serve DIR    prints `smtp PORT`, `smtps PORT`, `imap PORT`, `imaps PORT` and `ready`, and
#                                stops them when its input ends. Both know `ada` with the password `secret`;
#                                what is sent comes into her INBOX. DIR/server.crt is for `localhost`
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/postgres.sh"

PYTHON=/usr/bin/python3

need_mail() {
    PATH=$PATH:/usr/sbin
    command -v dovecot >/dev/null && [ -x /usr/lib/dovecot/imap ] &&
        "$PYTHON" -c 'import aiosmtpd' 2>/dev/null ||
        packages "Dovecot or aiosmtpd is missing, which test the kinds for mail" dovecot-imapd python3-aiosmtpd
}

# Mail belongs to a user who is not root: Dovecot insists on that. A list, and no function, so that what
# runs in the background is the server itself.
as_reader=()
if [ "$(id -u)" -eq 0 ]; then as_reader=(setpriv --reuid=mail --regid=mail --clear-groups --); fi

write_dovecot_conf() {
    local dir=$1 imap=$2 imaps=$3 user=mail group=mail internal=dovecot login=dovenull chroot=login
    if [ "$(id -u)" -ne 0 ]; then
        user=$(id -un) group=$(id -gn) internal=$(id -un) login=$(id -un) chroot=
    fi
    cat >"$dir/dovecot.conf" <<CONF
base_dir = $dir/run
state_dir = $dir/run
log_path = $dir/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <$dir/server.crt
ssl_key = <$dir/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
default_internal_user = $internal
default_internal_group = $(id -gn "$internal")
default_login_user = $login
first_valid_uid = 1
mail_location = maildir:$dir/mail
passdb {
  driver = static
  args = user=ada password=secret
}
userdb {
  driver = static
  args = uid=$user gid=$group home=$dir/home
}
service anvil {
  chroot =
}
service imap-login {
  chroot = $chroot
  inet_listener imap {
    port = $imap
  }
  inet_listener imaps {
    port = $imaps
    ssl = yes
  }
}
CONF
}

serve_mail() {
    local dir=$1 smtp smtps imap imaps
    need_mail >&2
    need_openssl >&2
    mkdir -p "$dir/home" "$dir/run"
    chmod 755 "$dir" "$dir/run"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj /CN=linkflow-test -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
        -keyout "$dir/server.key" -out "$dir/server.crt" 2>/dev/null
    # A key for tests, in a directory that goes with them.
    chmod 644 "$dir/server.crt" "$dir/server.key"
    if [ "$(id -u)" -eq 0 ]; then chown mail:mail "$dir/home" "$dir"; fi
    smtp=$(free_port) smtps=$(free_port) imap=$(free_port) imaps=$(free_port)
    server=
    trap "kill \$server 2>/dev/null; [ ! -f '$dir/run/master.pid' ] || kill \"\$(cat '$dir/run/master.pid')\" 2>/dev/null; rm -rf '$dir'" EXIT
    "${as_reader[@]}" "$PYTHON" scripts/mail-server.py "$dir/mail" "$dir/server.crt" "$dir/server.key" "$smtp" "$smtps" \
        >"$dir/smtp.log" 2>&1 &
    server=$!
    disown "$server"
    write_dovecot_conf "$dir" "$imap" "$imaps"
    dovecot -c "$dir/dovecot.conf" || { cat "$dir/dovecot.log" >&2; return 1; }
    for port in "$smtp" "$smtps" "$imap" "$imaps"; do wait_for_mail_port "$port"; done
    printf 'smtp %s\nsmtps %s\nimap %s\nimaps %s\nready\n' "$smtp" "$smtps" "$imap" "$imaps"
    until_input_ends
}

wait_for_mail_port() {
    until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        kill -0 "$server" 2>/dev/null || fail "the mail server of the tests did not start"
        sleep 0.1
    done
}

case "${1:-}" in
need)
    need_mail
    need_openssl
    ;;
serve) serve_mail "$2" ;;
*) fail "say what: need, or serve DIR" ;;
esac
