"""Sentences of sections one to eight, each in Chinese and English."""

from __future__ import annotations

__all__ = [
    "AS_IT_STOOD",
    "COLLECTED",
    "COMPARE",
    "FILES_NOT_AT_HAND",
    "HOW_HASHES_ARE_WRITTEN",
    "IN_THE_QR_CODE",
    "NOTHING_VERIFIED",
    "NOT_TRUTH",
    "NO_DESCRIPTION",
    "NO_PARTIES",
    "OCCURRED",
    "ONE_RECORD",
    "OWNER_VERIFIED",
    "RECORDED",
    "SEAL_ATTACHED",
    "SEAL_NOT_ATTACHED",
    "SUBMITTED",
    "TIMELINE",
    "WHAT_A_REFERENCE_IS",
    "WHOSE_MEMBERS",
    "WHOSE_WORDS",
]

AS_IT_STOOD = (
    (
        "印章是否有效，以签署时的状态为准；其后的停用、挂失、吊销、注销不影响此前的签署。"
        "印章由谁保管、使用是否经过授权，不在本证书证明范围内。"
    ),
    (
        "A seal is judged as it stood when it signed: what happened to it later changes nothing. "
        "Who kept it, and whether its use was authorised, is outside this certificate."
    ),
)
COLLECTED = (
    ("提交方系统取得该数据的时间；未填写的写明“未存证”"),
    ("when the submitter's system got the data; not always on record"),
)
COMPARE = (
    ("请与联盟成员单位公布的指纹逐组核对。"),
    ("Compare it, group by group, with the one that the members publish."),
)
FILES_NOT_AT_HAND = (
    (
        "出具本证书时没有取得被签署文件的原文，文件内的电子签名、签署证书及其信任链、"
        "吊销状态均未核验；上表所列为签约平台提交的记录。持有文件原文的，可以另行核验文件签名，"
        "并以第七部分的校验值确认文件与存证一致。"
    ),
    (
        "The signed files were not at hand: the signatures in them, the certificates, their chains "
        "and revocation were not checked; the table shows what the platform recorded. Whoever has "
        "the file can check its signatures, and by the hashes of section 7 that it is the one on "
        "record."
    ),
)
HOW_HASHES_ARE_WRITTEN = (
    (
        "下列校验值为 SHA-256（另有注明的除外），以十六进制书写，每四位一组、每行八组，"
        "便于逐组宣读核对。文件原文不在链上：将当事人提交的文件自行计算校验值，与下表一致的，"
        "即为存证时的文件。"
    ),
    (
        "Hashes are SHA-256 unless another is named, in hexadecimal, groups of four, eight groups "
        "a line, to be read aloud. The files themselves are not on the chain: a file whose hash is "
        "the one below is the file of that time."
    ),
)
IN_THE_QR_CODE = (
    ("二维码内容：证书编号、存证编码、信任文件指纹"),
    ("QR code: certificate number, evidence code, fingerprint"),
)
NOTHING_VERIFIED = (
    ("实名认证、意愿认证：未存证。"),
    ("No verification of identity or intent is on record."),
)
NOT_TRUTH = (
    ("本证书只证明记录自上链之时起未被改动及其时间，不证明记录所述内容真实。"),
    (
        "This certificate proves that the records have not been changed since they were recorded, "
        "and when that was. It does not prove that what they say is true."
    ),
)
NO_DESCRIPTION = (
    (
        "出具节点没有联盟成员共同签署的说明：平台名称、运营主体、备案编号、"
        "与当事人的利害关系均未知，应当由出具机构另行说明。"
    ),
    (
        "The issuing node has no description signed by the members: the platform's name, operator, "
        "filings and interests are not known, and the issuer has to state them separately."
    ),
)
NO_PARTIES = (
    ("本类记录不涉及签署方身份认证；记录由下列成员以其账本密钥签名提交（见第八部分）。"),
    (
        "Records of this kind verify no party's identity; members submitted them, signed with "
        "their ledger keys (section 8)."
    ),
)
OCCURRED = (
    ("提交方所述的事件发生时间，没有其他证明"),
    ("when it happened, by the submitter's word alone"),
)
ONE_RECORD = (
    ("本证书只涉及一条记录：该卷宗是否还有其他记录、该记录前后关系如何，本证书不予说明。"),
    (
        "This certificate is of one record: whether the dossier has others, and what came before "
        "and after, it does not say."
    ),
)
OWNER_VERIFIED = (
    (
        "印章所有人、经办人的身份由提交申请、制作、备案的成员核验；核验材料以哈希存证（"
        "见第七部分）。"
    ),
    (
        "Owner and agent were verified by the members that applied, made and filed; what they "
        "rested on is on record by its hashes (section 7)."
    ),
)
RECORDED = (
    ("不早于所在区块头的时间，不晚于下一区块头的时间；由验证节点共同签名确认"),
    ("no earlier than its block's header and no later than the next one: signed by the validators"),
)
SEAL_ATTACHED = (
    ("以上制作、备案信息与印模图像，取自该印章卷宗的证据包（见附件），已用同一信任文件核验。"),
    (
        "How it was made and filed, and its imprint, are from the bundle of its own dossier "
        "(attached), verified against the same trust file."
    ),
)
SEAL_NOT_ATTACHED = (
    ("印章的制作、备案记录不在本证书的证据包内；可以另行申请该印章卷宗的证书。"),
    (
        "How the seal was made and filed is not in this certificate's bundle: ask for a "
        "certificate of the seal's own dossier."
    ),
)
SUBMITTED = (
    ("提交方以其账本密钥签名的时间（精确到秒），由提交方的时钟决定"),
    ("when the submitter signed it (to the second), by the submitter's clock"),
)
TIMELINE = (
    ("全过程时间线（发生、采集、提交、上链）"),
    ("Time line: occurred, collected, submitted, on the chain"),
)
WHAT_A_REFERENCE_IS = (
    (
        "签署方引用为仅用于本案的随机代号，与任何证件号码无关。实名认证、"
        "意愿认证的结果由提交该记录的成员负责；本证书证明其何时提交了何内容，不证明认证结论正确。"
    ),
    (
        "A reference is a random name of this case alone. For the result of a verification the "
        "member that recorded it is responsible: this certificate proves what it recorded and "
        "when, not that the result is right."
    ),
)
WHOSE_MEMBERS = (
    (
        "成员、角色以创世文件（其哈希写在信任文件中）所载为准；名称、中立性说明有联盟自述的，"
        "采用联盟自述。此后经表决的成员变更不在本证书证明范围内。"
    ),
    (
        "Members and roles are those of the genesis, whose hash the trust file names; names and "
        "neutrality are the consortium's own words where there are any. Later changes of members "
        "by vote are outside this certificate."
    ),
)
WHOSE_WORDS = (
    (
        "第二、三、十三部分中，标明“联盟自述”的内容取自联盟成员共同签署的说明，"
        "标明“出具机构所述”的内容由出具机构负责。没有记录、没有披露或者没有核验的事项，"
        "均如实写明“未存证”“未披露”“未核验”或者“未知”。"
    ),
    (
        "In sections 2, 3 and 13, what the consortium says of itself and what the issuer says is "
        "marked so. What is not on record, not disclosed, not checked or not known is called so."
    ),
)
