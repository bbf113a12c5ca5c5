"""Certificate authorities and members of organisations on the stand-in channel of the tests."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from fabric_protos.msp import msp_config_pb2

from chaincode_adapters.fabric.signing import SigningIdentity

__all__ = ["Authority", "Member"]

_BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC)


@dataclass
class Member:
    """Somebody with a certificate of an organisation."""

    msp_id: str
    pem: bytes
    key_pem: bytes

    def __post_init__(self) -> None:
        self._signer = SigningIdentity(self.msp_id, self.pem, self.key_pem)

    @property
    def identity(self) -> bytes:
        """Its SerializedIdentity."""
        return self._signer.serialized

    def sign(self, message: bytes) -> bytes:
        return self._signer.sign(message)


class Authority:
    """The certificate authority of an organisation; NodeOUs are on, as cryptogen makes them."""

    def __init__(self, msp_id: str) -> None:
        self.msp_id = msp_id
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ca.{msp_id}")])
        self.certificate = (
            self._begin(self._name, self._key)
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _begin(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_BEGIN)
            .not_valid_after(_END)
        )

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    def member(self, unit: str, name: str = "localhost") -> Member:
        """Somebody new in the unit (peer, orderer, client); ``name`` is a server's in TLS."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
                x509.NameAttribute(NameOID.COMMON_NAME, f"{unit}.{self.msp_id}"),
            ]
        )
        certificate = (
            self._begin(subject, key)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Member(
            self.msp_id,
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def msp_config(self) -> bytes:
        """Its MSPConfig in a channel's configuration."""
        config = msp_config_pb2.FabricMSPConfig(name=self.msp_id, root_certs=[self.pem])
        units = config.fabric_node_ous
        units.enable = True
        for role in ("client", "peer", "admin", "orderer"):
            identifier = getattr(units, f"{role}_ou_identifier")
            identifier.organizational_unit_identifier = role
        return msp_config_pb2.MSPConfig(config=config.SerializeToString()).SerializeToString()
