"""A second opinion on time-stamps (anchor-rfc3161.md), with asn1crypto and cryptography."""

from __future__ import annotations

import base64
import hashlib
import re

from asn1crypto import cms, tsp
from second_receipts_forms import (
    Bad,
    NothingTrusted,
    document_of,
    exactly,
    from_base64,
    need,
    sha256,
)
from second_receipts_x509 import (
    check_authority,
    check_der,
    children,
    decoded,
    hash_named,
    read_certificate,
    signature_holds,
    strictly,
)

__all__ = ["read_roots", "verify"]


def read_roots(trust):
    """The certificates of ``tsa_roots``. Raises Bad where one cannot be read."""
    for root in trust.get("signer_roots", []):
        read_certificate(base64.b64decode(root))
    return [read_certificate(base64.b64decode(root)) for root in trust["tsa_roots"]]


@strictly
def verify(receipt, point, trust):
    roots = read_roots(trust)
    exactly(receipt, "token")
    token = Token(from_base64(receipt["token"], 65_536))
    token.check_stamp(point)
    token.check_attributes()
    token.check_signature()
    token.check_signer()
    named = token.signing_certificates()
    path, root = token.find_path(roots)
    for certificate in token.certificates:
        need(certificate in path or certificate in roots, "a certificate of no use")
    if root is None:
        raise NothingTrusted("no root is known")
    for used, one in named:
        token.check_named(used, one, [*path, root])


TIME = re.compile(rb"\d{14}(\.\d*[1-9])?Z")


class Token:
    """A TimeStampToken whose unsigned parts have the one form that they may have."""

    def __init__(self, raw):
        content = decoded(cms.ContentInfo, raw)
        need(len(children(raw)) == 2, "members of the ContentInfo")
        need(content["content_type"].native == "signed_data", "no signed data")
        signed = content["content"]
        need(len(children(children(children(raw)[1])[0])) == 5, "members of the signed data")
        need(signed["version"].native == "v3", "version of the signed data")
        need(len(signed["digest_algorithms"]) == len(signed["signer_infos"]) == 1, "one signer")
        need(not signed["crls"].dump(), "revocation lists")
        self.read_certificates(signed["certificates"])
        self.info = info = signed["signer_infos"][0]
        need(info["version"].native == "v1", "version of the signer")
        need(len(children(info.dump())) == 6, "members of the signer")
        need(not info["unsigned_attrs"].dump(), "unsigned attributes")
        used = info["digest_algorithm"]
        need(used.dump() == signed["digest_algorithms"][0].dump(), "digestAlgorithms")
        self.digest = hash_named(used)
        self.read_signer(info["sid"])
        self.read_attributes(info["signed_attrs"])
        self.read_content(signed["encap_content_info"])

    def read_certificates(self, given):
        need(1 <= len(given) <= 10, "number of certificates")
        need(all(one.name == "certificate" for one in given), "no certificate")
        self.certificates = [read_certificate(one.chosen.dump()) for one in given]
        need(len(set(self.certificates)) == len(given), "a certificate twice")

    def read_signer(self, sid):
        need(sid.name == "issuer_and_serial_number", "sid")
        wanted = sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native
        found = [one for one in self.certificates if (one.issuer, one.serial) == wanted]
        need(len(found) == 1, "the signer's certificate")
        self.signer = found[0]

    def read_attributes(self, attributes):
        raw = attributes.dump()
        self.signed = b"\x31" + raw[1:]
        check_der(self.signed)
        self.attributes = {}
        for attribute in attributes:
            name = attribute["type"].native
            need(name not in self.attributes and len(attribute["values"]) == 1, "attributes")
            self.attributes[name] = attribute["values"][0]

    def read_content(self, encapsulated):
        need(encapsulated["content_type"].native == "tst_info", "eContentType")
        self.content = bytes(encapsulated["content"])
        self.info_type = encapsulated["content_type"].dump()
        self.stamp = decoded(tsp.TSTInfo, self.content)
        need(self.stamp["version"].native == "v1", "version of the TSTInfo")
        present = [name for name in self.stamp if self.stamp[name].dump()]
        written = children(self.content)
        defaults = 0 if any(part[0] == 0x01 for part in written) else 1
        need(len(written) == len(present) - defaults, "members of the TSTInfo")
        need(TIME.fullmatch(self.stamp["gen_time"].contents), "genTime")
        need(len(self.stamp["serial_number"].contents) <= 21, "serial number")
        self.check_accuracy()
        for extension in self.stamp["extensions"] or []:
            need(not extension["critical"].native, "a critical extension")

    def check_accuracy(self):
        accuracy = self.stamp["accuracy"]
        if not accuracy.dump():
            return
        seconds, millis, micros = (accuracy[name].native for name in accuracy)
        need(seconds is None or 0 <= seconds <= 86_400, "accuracy")
        need(all(part is None or 1 <= part <= 999 for part in (millis, micros)), "accuracy")

    def check_stamp(self, point):
        imprint = self.stamp["message_imprint"]
        need(hash_named(imprint["hash_algorithm"]) == "sha256", "messageImprint")
        need(imprint["hashed_message"].native == sha256(document_of(point)), "of another point")

    def check_attributes(self):
        need({"content_type", "message_digest"} <= set(self.attributes), "attributes")
        need(self.attributes["content_type"].dump() == self.info_type, "contentType")
        hashed = hashlib.new(self.digest, self.content).digest()
        need(self.attributes["message_digest"].native == hashed, "messageDigest")

    def check_signature(self):
        algorithm, value = self.info["signature_algorithm"], self.info["signature"].native
        signature_holds(self.signer.key, algorithm, value, self.signed, self.digest)

    def check_signer(self):
        critical, purposes = self.signer.get("extended_key_usage")
        need(critical and purposes == ["time_stamping"], "extended key usage")
        usage = self.signer.get("key_usage")[1]
        need(usage is None or usage <= {"digital_signature", "non_repudiation"}, "key usage")
        tsa = self.stamp["tsa"]
        if tsa.dump() and tsa.name == "directory_name":
            need(tsa.chosen.untag().dump() == self.signer.subject, "tsa is not the signer")

    def find_path(self, roots):
        """A path from the signer's certificate that holds, and its root: None where the longest
        path leads to none."""
        self.signer.check_valid(self.moment())
        self.signer.check_critical()
        self.failed, self.longest = None, []
        root = self.climb([self.signer], roots)
        if root is None and self.failed is not None:
            raise self.failed
        return self.longest, root

    def moment(self):
        return self.stamp["gen_time"].native.replace(microsecond=0)

    def climb(self, path, roots):
        if len(path) > len(self.longest):
            self.longest = path
        last = path[-1]
        for root in roots:
            if root == last or (root.subject == last.issuer and self.may_issue(root, path)):
                self.longest = path
                return root
        for one in self.certificates if len(path) < 8 else []:
            if one.subject == last.issuer and one not in path and self.may_issue(one, path):
                root = self.climb([*path, one], roots)
                if root is not None:
                    return root
        return None

    def may_issue(self, issuer, path):
        try:
            issuer.check_valid(self.moment())
            issuer.check_critical()
            check_authority(issuer, len(path) - 1, "time_stamping")
            path[-1].check_issued_by(issuer)
        except Bad as error:
            self.failed = self.failed or error
            return False
        return True

    def signing_certificates(self):
        """Those that signed attributes name behind the signer's: hash function, value."""
        found = []
        for name in ("signing_certificate", "signing_certificate_v2"):
            if name in self.attributes:
                named = self.attributes[name]["certs"]
                need(len(named) > 0, name)
                used = [hash_of(one) for one in named]
                self.check_named(used[0], named[0], [self.signer])
                found += list(zip(used, named, strict=True))[1:]
        need({"signing_certificate", "signing_certificate_v2"} & set(self.attributes), "none named")
        return found

    def check_named(self, used, one, certificates):
        value = one["cert_hash"].native
        found = [c for c in certificates if hashlib.new(used, c.raw).digest() == value]
        need(found, "the attribute names another certificate")
        check_issuer_serial(one["issuer_serial"], found[0])


def hash_of(named):
    """The hash function of an ESSCertID or an ESSCertIDv2."""
    if isinstance(named, tsp.ESSCertIDv2):
        return hash_named(named["hash_algorithm"])
    return "sha1"


def check_issuer_serial(given, certificate):
    if not given.dump():
        return
    names = given["issuer"]
    need(len(names) == 1 and names[0].name == "directory_name", "issuerSerial")
    need(names[0].chosen.untag().dump() == certificate.issuer, "issuerSerial")
    need(given["serial_number"].native == certificate.serial, "issuerSerial")
