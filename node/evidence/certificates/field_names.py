"""What the fields of events are called in a certificate, and the words that stand in them."""

from __future__ import annotations

from typing import Any

from node.evidence.certificates.wording import Wording

__all__ = ["EVENT_NAMES", "FIELD_NAMES", "HASH_FIELDS", "PRIVATE_NAMES", "WORDS", "show_field"]

FIELD_NAMES: dict[str, tuple[str, str]] = {
    "adapter": ("适配器", "Adapter"),
    "address": ("验证节点地址", "Validator's address"),
    "after_hash": ("签署后文档哈希", "Hash of the document after signing"),
    "aliases": ("其他系统编号", "Codes of other systems"),
    "api": ("接口地址", "Interface called"),
    "application_hash": ("申请材料哈希", "Hash of the application"),
    "before_hash": ("签署前文档哈希", "Hash of the document before signing"),
    "case_no": ("案号", "Court case number"),
    "certificate_no": ("证书编号", "Certificate number"),
    "chain": ("外部链标识", "Outside chain"),
    "change": ("变更", "Change"),
    "channel": ("创建方式", "Channel"),
    "closes_at": ("截止时间", "Closes at"),
    "code": ("存证编码", "Evidence code"),
    "confirmed_at": ("确认时间", "Confirmed at"),
    "created_at": ("制作时间", "Made at"),
    "deadline": ("签署期限", "Deadline"),
    "decision_hash": ("决定书哈希", "Hash of the decision"),
    "digests": ("披露摘要", "Digests of the disclosures"),
    "division": ("行政区划代码", "Administrative division"),
    "document_hash": ("文档哈希", "Hash of the document"),
    "document_hashes": ("文档哈希", "Hashes of documents"),
    "documents": ("文档", "Documents"),
    "effective_at": ("生效时间（机关所述）", "Effective at (the authority's word)"),
    "es_id": ("电子印章标识", "Seal id"),
    "external_height": ("外部链高度", "Height on the outside chain"),
    "external_time": ("外部链时间", "Time on the outside chain"),
    "external_tx": ("外部链交易", "Transaction on the outside chain"),
    "filed_at": ("备案时间", "Filed at"),
    "filing_no": ("备案编号", "Filing number"),
    "filing_unit_code": ("备案单位代码", "Filing unit's code"),
    "filing_unit_name": ("备案单位名称", "Filing unit"),
    "finished_at": ("完成时间", "Finished at"),
    "from": ("生效高度", "In force from height"),
    "happened_at": ("发生时间（原系统所述）", "Happened at (the old system's word)"),
    "height": ("高度", "Height"),
    "imprint_filing": ("印模备案", "Filing of the imprint"),
    "jwk": ("公钥", "Public key"),
    "kid": ("密钥标识", "Key id"),
    "legal_basis": ("法律依据", "Legal basis"),
    "maker": ("制章单位", "Seal maker"),
    "maker_cert_sn": ("制章证书序列号", "Serial number of the maker's certificate"),
    "method": ("方式", "Method"),
    "misbehaviour": ("违规类型", "Misbehaviour"),
    "new_cert_hash": ("新证书哈希", "Hash of the new certificate"),
    "new_cert_sn": ("新证书序列号", "New certificate's serial number"),
    "old_cert_sn": ("原证书序列号", "Old certificate's serial number"),
    "origin": ("合同来源", "Origin"),
    "overlap_blocks": ("重叠区块数", "Blocks of overlap"),
    "owner_kind": ("所有人类型", "Kind of owner"),
    "owner_name": ("单位名称", "Organisation"),
    "owner_uscc": ("统一社会信用代码", "Unified social credit code"),
    "participants": ("参与成员", "Participating members"),
    "parties": ("签署方", "Parties"),
    "party_ref": ("签署方引用", "Party reference"),
    "picture_hash": ("印章图片哈希", "Hash of the seal's picture"),
    "proof": ("持有证明", "Proof of possession"),
    "proposal_hash": ("提案哈希", "Hash of the proposal"),
    "provider": ("服务方", "Provider"),
    "purpose": ("用途", "Purpose"),
    "reason": ("理由", "Reason"),
    "reason_code": ("原因代码", "Reason code"),
    "receipt_hash": ("回执哈希", "Hash of the receipt"),
    "record_hash": ("记录哈希", "Hash of the old record"),
    "replaces": ("被替换密钥", "Key replaced"),
    "report_hash": ("报告哈希", "Hash of the certificate's file"),
    "result": ("结果", "Result"),
    "root": ("日志根哈希", "Root of the log"),
    "seal_code": ("印章编码", "Seal code"),
    "seal_hash": ("印章数据哈希", "Hash of the seal's data"),
    "seal_name": ("印章名称", "Seal's name"),
    "seal_type": ("印章类型", "Kind of seal"),
    "ses_version": ("印章数据版本", "Version of the seal's structure"),
    "sign_alg": ("签名算法", "Signature algorithm"),
    "sign_no": ("签约编号", "Signing number"),
    "signature_hash": ("签名值哈希", "Hash of the signature"),
    "signature_kind": ("签署类型", "Kind of signature"),
    "signer_cert_hashes": ("签章人证书哈希", "Hashes of the signers' certificates"),
    "signer_cert_sn": ("签署证书序列号", "Serial number of the signing certificate"),
    "size": ("大小", "Size"),
    "source_system": ("来源系统", "System of origin"),
    "state_root": ("状态根哈希", "Root of the state map"),
    "status": ("印章状态", "Seal's status"),
    "storage_ref": ("存储引用", "Storage reference"),
    "supersedes": ("被替换印章标识", "Seal that it replaces"),
    "suspect_from": ("可疑起始时间", "In doubt from"),
    "timestamp_token_hash": ("时间戳哈希", "Hash of the time-stamp"),
    "to": ("去向", "To"),
    "valid_from": ("有效期起", "Valid from"),
    "valid_to": ("有效期止", "Valid to"),
    "verified_at": ("认证时间", "Verified at"),
    "vote": ("表决", "Vote"),
}
"""Public fields."""
PRIVATE_NAMES: dict[str, tuple[str, str]] = {
    "address": ("签署地点", "Place of signing"),
    "agent_id_no": ("经办人身份证号", "Agent's identity number"),
    "agent_name": ("经办人", "Agent"),
    "applicant": ("申请人", "Applicant"),
    "device": ("终端设备", "Device"),
    "document_names": ("文档名称", "Names of documents"),
    "handler_name": ("备案经办人", "Handling officer"),
    "id_no": ("证件号码", "Identity number"),
    "initiator": ("发起人", "Initiator"),
    "ip": ("终端 IP", "IP address"),
    "latitude": ("纬度", "Latitude"),
    "legal_representative": ("法定代表人", "Legal representative"),
    "longitude": ("经度", "Longitude"),
    "name": ("姓名", "Name"),
    "owner_id_no": ("所有人身份证号", "Owner's identity number"),
    "owner_name": ("所有人姓名", "Owner's name"),
    "page_rectangles": ("签章位置", "Places of the signature"),
    "party_names": ("签署方名称", "Names of the parties"),
    "phone": ("手机号码", "Telephone"),
    "reason": ("原因说明", "Reason"),
    "score": ("匹配百分比", "Match"),
    "seal_name": ("个人印章名称", "Name of the personal seal"),
    "serial_no": ("认证流水号", "Verification serial number"),
    "storage_location": ("存储位置", "Place of storage"),
    "summary": ("摘要", "Summary"),
}
"""Private fields."""
EVENT_NAMES: dict[str, str] = {
    "anchor.confirmed": "Anchored outside",
    "certificate.issued": "Certificate issued",
    "disclosure.erased": "Private data erased",
    "disclosure.released": "Private data released",
    "governance.proposed": "Proposal",
    "governance.voted": "Vote",
    "governance.withdrawn": "Proposal withdrawn",
    "key.compromised": "Key reported compromised",
    "key.rotated": "Key replaced",
    "record.imported": "Record imported",
    "seal.applied": "Seal applied for",
    "seal.certificate_renewed": "Seal's certificate renewed",
    "seal.created": "Seal made",
    "seal.filed": "Filed with the police",
    "seal.imported": "Seal imported",
    "seal.status_changed": "Seal's status published",
    "signing.completed": "Signing completed",
    "signing.identity_verified": "Identity verified",
    "signing.initiated": "Signing initiated",
    "signing.intent_confirmed": "Intent confirmed",
    "signing.rejected": "Signing rejected",
    "signing.sealed": "Signed",
    "signing.started": "Signing begun",
    "signing.voided": "Signing voided",
    "validator.misbehaved": "Validator misbehaved",
}
"""Event types in English; the rules have their Chinese names."""
WORDS: dict[str, tuple[str, str]] = {
    "approve": ("同意", "approve"),
    "bank_card": ("银行卡核验", "bank card"),
    "ca_cert": ("数字证书核验", "certificate"),
    "certificate": ("数字证书签名", "certificate signature"),
    "enterprise": ("企业核验", "enterprise"),
    "face": ("人脸识别比对", "face"),
    "failed": ("未通过", "failed"),
    "handwritten": ("手写签名", "handwritten signature"),
    "organisation": ("单位", "organisation"),
    "organisation_seal": ("单位印章", "organisation's seal"),
    "passed": ("通过", "passed"),
    "person": ("个人", "person"),
    "personal_seal": ("个人印章", "personal seal"),
    "reject": ("反对", "reject"),
    "sms": ("短信验证码", "text message"),
}
"""Words of fixed lists."""
HASH_FIELDS = frozenset(
    name for name in FIELD_NAMES if name.endswith(("_hash", "_hashes", "_root"))
) | {"root"}
"""Fields that are hashes of 32 bytes, or lists of them."""
_TIMES = ("_at", "valid_from", "valid_to", "deadline", "external_time", "suspect_from")
_CHOSEN = ("kind", "method", "owner_kind", "result", "signature_kind", "vote")


def show_field(words: Wording, name: str, value: Any) -> str:
    """The value of a field as text: times written out, fixed words translated, lists joined, and
    objects as their members one behind the other."""
    if isinstance(value, list):
        return words.say("；", "; ").join(show_field(words, name, item) for item in value)
    if isinstance(value, dict):
        return words.say("，", ", ").join(
            f"{member} = {show_field(words, member, item)}" for member, item in value.items()
        )
    if isinstance(value, int) and name.endswith(_TIMES):
        return words.time(value)
    if name in ("status", "to") and isinstance(value, str):
        return words.status(value)
    if name in _CHOSEN and value in WORDS:
        return words.pick(WORDS[value])
    return str(value)
