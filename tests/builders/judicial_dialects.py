"""The documented services, as far as their documents go, and where they are silent as the comments
in config/anchors say. Each checks requests and makes answers by itself."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlsplit

import gmssl_pyx
from builders.judicial_service import (
    Answered,
    Asked,
    JudicialService,
    Recorded,
    SignedAnswers,
    as_json,
)

__all__ = ["DIALECTS", "AntChain", "Bjca", "NotaryOffice", "Xinghuoyin"]

_CHINA = timedelta(hours=8)
MEMBER_SM2 = (  # d and x‖y of a key that everybody knows
    "0272c02fa32febe5f4f8cf3d931bc5f11704a1e0a2aaa91f9a415b53b58f3fe6",
    "7ac034d9b5f7d611bef6c8a1e623c19103f9530f9de4aab972f53a0c98e976c4"
    "8929f4e9140a2264c75644e6ae1f50f68d3ac1bf74972918c8e1e659815f6c7e",
)
SERVICE_SM2 = MEMBER_SM2


def _china(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC) + _CHINA
    return moment.strftime("%Y-%m-%d %H:%M:%S")


class Xinghuoyin(JudicialService):
    """As config/anchors/xinghuoyin.toml."""

    example = "xinghuoyin"
    values: ClassVar = {"access_key": "9d82aeae8c9b4c47"}
    key_file = "\n".join(MEMBER_SM2).encode()

    def answer(self, asked: Asked) -> Answered:
        if not self._is_signed(asked.headers):
            return as_json(200, {"code": "403", "message": "没有相关权限", "data": None})
        body = asked.json()
        if asked.path == "/evidence/hash":
            identity, digest = asked.headers["request_id"], body["list"][0]["fileHash"]
            made = self.record(identity, digest) or self.records[identity]
            told = {"list": [{"hash": digest, "attestationId": made.serial}]}
            return as_json(200, {"code": "200", "message": "操作成功", "data": told})
        found = [one for one in self.records.values() if one.serial == body["attestationId"]]
        if not found:
            return as_json(200, {"code": "1003", "message": "存证不存在", "data": None})
        if not self.is_recorded(found[0]):
            return as_json(200, {"code": "1005", "message": "存证处理中", "data": None})
        shown = self.shown(found[0])
        told = {
            "attestationId": shown.serial,
            "fileHash": shown.digest,
            "upChainTime": _china(shown.time),
            "checkBean": {"flag": True, "ledgerSeq": 77, "hash": shown.digest},
        }
        return as_json(200, {"code": "200", "message": "操作成功", "data": told})

    def _is_signed(self, headers: dict[str, str]) -> bool:
        text = headers["request_id"] + headers["access_key"] + headers["nonce"]
        raw = b64decode(headers["signature"], validate=True)
        signed = gmssl_pyx.sm2_verify(bytes.fromhex(MEMBER_SM2[1]), text.encode(), _der(raw))
        return signed and self.in_window(int(headers["nonce"]) * 1000)


def _der(raw: bytes) -> bytes:
    """DER of r‖s."""
    out = b""
    for half in (raw[:32], raw[32:]):
        number = half.lstrip(b"\x00")
        number = b"\x00" + number if number[0] >= 0x80 else number
        out += bytes((2, len(number))) + number
    return bytes((0x30, len(out))) + out


class NotaryOffice(JudicialService):
    """As config/anchors/notary-office.toml."""

    example = "notary-office"
    values: ClassVar = {"app_id": "d29f2fd7a8dc42b4"}
    key_file = b"689d7ff1ebf746389f65c32112c27c76"

    def answer(self, asked: Asked) -> Answered:
        headers = asked.headers
        text = headers["request-id"] + headers["app-id"] + headers["nonce"]
        if gmssl_pyx.sm3_hash(self.key_file + text.encode()).hex() != headers["signature"]:
            return self._coded("510001", "权限校验失败")
        if not self.in_window(int(headers["nonce"]) * 1000):
            return self._coded("510002", "nonce与服务器时间相差15分钟以上")
        body = asked.json()
        if asked.path == "/attestation/hash":
            made = self.record(headers["request-id"], body["hashItemList"][0]["hash"])
            if made is None:
                return self._coded("510000", "业务流水不唯一")
            told = {"result": [{"hash": made.digest, "ano": 840175805404684288}]}
            return self._coded("000000", "操作成功", told)
        found = [one for one in self.records.values() if one.digest == body["fileHash"]]
        rows = [self._row(found[0])] if found else []
        return self._coded("000000", "操作成功", {"total": len(rows), "list": rows})

    def _row(self, made: Recorded) -> dict[str, Any]:
        done, shown = self.is_recorded(made), self.shown(made)
        return {
            "ano": shown.serial,
            "createTime": _china(shown.time),
            "fileHash": shown.digest,
            "attestationType": 8,
            "status": 3 if done else 1,
        }

    def _coded(self, code: str, message: str, data: Any = None) -> Answered:
        answer = {"flag": code == "000000", "data": data, "statusCode": code}
        return as_json(200, {**answer, "errorMessage": message})


class Bjca(JudicialService):
    """As config/anchors/bjca.toml."""

    example = "bjca"
    values: ClassVar = {"app_id": "APP_1", "device_id": "DEV_1"}
    key_file = b"bjca-shared-secret"

    def answer(self, asked: Asked) -> Answered:
        body = asked.json()
        signature = body.pop("signature")
        text = "&".join(f"{name}={body[name]}" for name in sorted(body))
        expected = hmac.digest(self.key_file, text.encode(), "sha256")
        if b64decode(signature) != expected:
            return as_json(200, {"status": 401, "message": "验签失败", "data": None})
        identity = json.loads(body["userDataJson"])[0]["value"]
        made = self.record(identity, body["hash"]) or self.records[identity]
        shown = self.shown(made)
        when = _china(shown.time)
        signed = f"{shown.serial}|{shown.digest}|{shown.request_id}|{when}"
        if self.fault("wrong-signature"):
            signed += "0"
        private, public = (bytes.fromhex(part) for part in SERVICE_SM2)
        value = gmssl_pyx.sm2_sign(private, public, signed.encode())
        data = {
            "evidenceId": shown.serial,
            "hash": shown.digest,
            "preservationTime": when,
            "requestId": shown.request_id,
            "signValue": b64encode(value).decode(),
        }
        return as_json(200, {"status": 200, "message": "success", "data": data})


class AntChain(JudicialService):
    """As config/anchors/antchain.toml."""

    example = "antchain"
    values: ClassVar = {"access_key": "LTAI+test/key", "transaction_id": "tx 1"}
    key_file = b"antchain-access-secret"

    def answer(self, asked: Asked) -> Answered:
        query = dict(parse_qsl(urlsplit(asked.path).query))
        signature = query.pop("sign")
        form = dict(parse_qsl(asked.body.decode()))
        both = {**query, **form}
        text = "&".join(f"{quote(k, safe='~')}={quote(both[k], safe='~')}" for k in sorted(both))
        if b64decode(signature) != hmac.new(self.key_file, text.encode(), hashlib.sha1).digest():
            return self._signed({"result_code": "BAD_SIGNATURE", "result_msg": "验签失败"})
        sent = datetime.strptime(query["req_time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if not self.in_window(int(sent.timestamp() * 1000)):
            return self._signed({"result_code": "REQUEST_EXPIRED", "result_msg": "请求过期"})
        identity, digest = query["req_msg_id"], form["notary_content"]
        shown = self.shown(self.record(identity, digest) or self.records[identity])
        return self._signed(
            {
                "notary_content": shown.digest,
                "req_msg_id": shown.request_id,
                "result_code": "OK",
                "tx_hash": shown.serial,
                "tx_time": shown.time,
            }
        )

    def _signed(self, response: dict[str, Any]) -> Answered:
        text = json.dumps(response, ensure_ascii=False, indent=1)
        made = text + "0" if self.fault("wrong-signature") else text
        sign = b64encode(hmac.new(self.key_file, made.encode(), hashlib.sha1).digest()).decode()
        body = f'{{"response": {text} , "sign":"{sign}"}}'.encode()
        return Answered(200, body, {"Content-Type": "application/json"})


DIALECTS: tuple[type[Any], ...] = (SignedAnswers, Xinghuoyin, NotaryOffice, Bjca, AntChain)
