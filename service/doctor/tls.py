"""Certificates: whether they are believed, and until when they hold."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Iterator

from cryptography import x509

from service.brokers.redis import url as redis_url
from service.brokers.redis.connection import Connector
from service.doctor.context import Context
from service.findings import Finding, error, warning

SOON = datetime.timedelta(days=14)
_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


async def look(context: Context) -> list[Finding]:
    """Of what the broker's address names: its servers, and the files beside it."""
    settings, variable = context.settings, context.redis_variable
    url = redis_url.parse(settings.redis_url)
    if not url.tls:
        return await _plain(variable, [host for host, _ in url.hosts])
    trust = Connector(url, "parley-doctor", self_signed=settings.heroku).tls_context()
    found = [*_files(url.tls_options)]
    if trust.verify_mode is ssl.CERT_NONE and not settings.heroku:
        cause = f"{variable}: the certificate of Redis is not checked (ssl_cert_reqs=none)"
        consequence = "who is on the way there can read and write everything"
        fix = "take ssl_cert_reqs out of it, or name the authority: ssl_ca_certs=/etc/redis-ca.pem"
        found.append(warning("tls-unchecked", variable, cause, consequence, fix))
    for host, port in url.hosts:
        found += await server(host, port, trust, context.timeout)
    return found


async def server(host: str, port: int, trust: ssl.SSLContext, timeout: float) -> list[Finding]:
    """What is wrong with a server's certificate. Nobody there is another's finding."""
    place = f"{host}:{port}"
    fix = f"openssl s_client -connect {place} </dev/null | openssl x509 -noout -dates -subject -issuer"
    try:
        certificate = await _certificate(host, port, trust, timeout)
    except ssl.SSLCertVerificationError as refusal:
        name = "tls-expired" if refusal.verify_code == _EXPIRED else "tls-untrusted"
        cause = f"the certificate of {place} is refused: {refusal.verify_message}"
        return [error(name, place, cause, "no connection is made", fix)]
    except (OSError, TimeoutError, ValueError):
        return []
    return _dates(place, certificate, fix)


async def _certificate(host: str, port: int, trust: ssl.SSLContext, timeout: float) -> x509.Certificate:
    async with asyncio.timeout(timeout):
        _, writer = await asyncio.open_connection(host, port, ssl=trust, server_hostname=host)
    try:
        return x509.load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    finally:
        writer.transport.abort()  # a server that says no goodbye is not waited for


def _dates(place: str, certificate: x509.Certificate, fix: str) -> list[Finding]:
    ends = certificate.not_valid_after_utc
    left = ends - datetime.datetime.now(datetime.UTC)
    if left > SOON:
        return []
    when = f"{ends:%Y-%m-%d %H:%M} UTC"
    if left < datetime.timedelta():
        return [
            error(
                "tls-expired", place, f"the certificate of {place} ran out on {when}", "who checks it turns away", fix
            )
        ]
    cause = f"the certificate of {place} runs out on {when}, in {left.days} days"
    return [warning("tls-expiring", place, cause, "from then on no connection is made", f"renew it; {fix}")]


def _files(options: dict[str, str]) -> Iterator[Finding]:
    for name in ("ssl_certfile", "ssl_ca_certs"):
        if path := options.get(name):
            fix = f"openssl x509 -in {path} -noout -dates"
            with open(path, "rb") as file:
                for certificate in x509.load_pem_x509_certificates(file.read()):
                    yield from _dates(f"{name}={path}", certificate, fix)


async def _plain(variable: str, hosts: list[str]) -> list[Finding]:
    """Without TLS over a network that isn't private."""
    found = []
    for host in hosts:
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(host, None)
        except (OSError, UnicodeError):
            continue
        if any(ipaddress.ip_address(info[4][0]).is_global for info in infos):
            cause = f"{variable}: the way to {host} is public, and without TLS"
            consequence = "who is on it can read and write everything, the password too"
            fix = f"export {variable}=rediss://, with the port that Redis has for TLS"
            found.append(warning("redis-plain", host, cause, consequence, fix))
    return found
