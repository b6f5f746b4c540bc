"""An SMTP server for tests, made with aiosmtpd: what it takes is put into a Maildir.

    mail-server.py MAILDIR CERT KEY PORT PORT_TLS

Both ports want `ada` with the password `secret`. The first can begin TLS, the second is under TLS from the
beginning. Mail for `nobody@` is refused for good, mail for `later@` for now.
"""

import mailbox
import signal
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self, folder):
        self.maildir = mailbox.Maildir(folder)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 nobody is here"
        if address.startswith("later@"):
            return "451 4.3.0 come again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        to = ",".join(envelope.rcpt_tos).encode()
        secure = b"yes" if session.ssl or server.transport.get_extra_info("ssl_object") else b"no"
        head = b"X-Envelope-To: " + to + b"\r\nX-Secure: " + secure + b"\r\n"
        self.maildir.add(head + envelope.original_content)
        return "250 2.0.0 taken"


def allow(server, session, envelope, mechanism, data):
    fine = mechanism in ("LOGIN", "PLAIN") and (data.login, data.password) == (b"ada", b"secret")
    return AuthResult(success=fine, handled=False)


class Plain(Controller):
    def __init__(self, handler, port, context):
        super().__init__(handler, hostname="127.0.0.1", port=port)
        self.context = context

    def factory(self):
        return SMTP(
            self.handler,
            hostname="mail.test",
            tls_context=self.context,
            authenticator=allow,
            auth_required=True,
            auth_require_tls=False,
        )


class Secure(Plain):
    def factory(self):
        return SMTP(
            self.handler,
            hostname="mail.test",
            authenticator=allow,
            auth_required=True,
            auth_require_tls=False,
            auth_exclude_mechanism=["PLAIN"],
        )

    def _create_server(self):
        return self.loop.create_server(
            self._factory_invoker, host=self.hostname, port=self.port, ssl=self.context
        )


def main():
    folder, cert, key, port, port_tls = sys.argv[1:6]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    handler = Handler(folder)
    Plain(handler, int(port), context).start()
    Secure(handler, int(port_tls), context).start()
    signal.sigwait([signal.SIGTERM, signal.SIGINT])


main()
