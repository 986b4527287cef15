"""Certificates for servers and clients of a test, and authorities that sign them."""

import datetime
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class Certificate(NamedTuple):
    """Files in PEM form. The key has no password."""

    certfile: Path
    keyfile: Path


class Authority:
    """Signs certificates for `days`. Its own is signed by itself, and serves a host too, as those of Heroku's Redis."""

    def __init__(self, folder: Path, name: str = "authority", host: str = "127.0.0.1", days: int = 1) -> None:
        """All files are written to `folder`. `host` is an address."""
        self._folder = folder
        self._days = days
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._write(name, host, self._key, authority=True)

    def issue(self, name: str, host: str = "127.0.0.1") -> Certificate:
        """One for a server at this address, or for a client."""
        return self._write(name, host, ec.generate_private_key(ec.SECP256R1()), authority=False)

    def _write(self, name: str, host: str, key: ec.EllipticCurvePrivateKey, authority: bool) -> Certificate:
        now = datetime.datetime.now(datetime.UTC)
        usages = ("key_cert_sign", "digital_signature") if authority else ("digital_signature",)
        usage = x509.KeyUsage(**{known: known in usages for known in _KEY_USAGES})
        public = self._key.public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=self._days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        written = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        written.certfile.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        written.keyfile.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return written
