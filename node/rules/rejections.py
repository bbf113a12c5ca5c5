"""The registry of rejections: one byte each, as it stands in a block's results.

0 is acceptance. A number, once given, keeps its meaning for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ACCEPTED", "REJECTIONS", "Rejection", "rejection"]

ACCEPTED = 0


@dataclass(frozen=True)
class Rejection:
    """Why a transaction is not recorded: its byte, its stable name, its texts.

    ``remembered`` says that the transaction's id is kept until its ``exp``, so that it cannot be
    played again when it would no longer be refused.
    """

    code: int
    name: str
    text: str
    text_zh: str
    remembered: bool = True


_ROWS = (
    (1, "duplicate", "this very transaction is on the chain", "该交易已在链上", False),
    (2, "conflict", "the issuer used this jti for another transaction", "同一签发方的事件号已用于另一交易", False),
    (3, "already_refused", "this very transaction was refused before", "该交易此前已被拒绝", False),
    (4, "wrong_chain", "cid names another chain", "链标识不是本链", False),
    (5, "expired", "exp is not after the block's time", "交易已过有效期", False),
    (6, "issued_in_future", "iat is after the block's time", "签发时间晚于区块时间", True),
    (7, "unknown_key", "kid is no key of this chain", "密钥未在本链登记", False),
    (8, "foreign_key", "the key belongs to another member", "密钥属于其他成员", False),
    (9, "key_not_in_force", "the key is not valid at this height", "密钥在该高度无效", True),
    (10, "member_not_active", "the member is unknown or suspended", "成员不存在或已被暂停", True),
    (11, "unknown_type", "no such event type under these rules", "不支持的事件类型", True),
    (12, "malformed_data", "a field of data is missing, unknown or malformed", "业务字段缺失、多余或格式错误", True),
    (13, "private_in_clear", "a private field stands in clear", "私密字段以明文出现", True),
    (14, "personal_number_in_clear", "a public field holds an identity card number", "公开字段含有身份证号码", True),
    (15, "role_missing", "the member has no role that may record this", "成员不具备相应角色", True),
    (16, "wrong_kind", "this event does not belong in a dossier of this kind", "事件类型与卷宗种类不符", True),
    (17, "dossier_unknown", "there is no such dossier, and this event opens none", "卷宗不存在，且该事件不能新建卷宗", True),
    (18, "dossier_exists", "the dossier is open already", "卷宗已存在", True),
    (19, "not_opener", "a dossier is opened by the member that its sub names", "卷宗须由其标识中的成员新建", True),
    (20, "not_permitted", "the member may not append to this dossier", "成员无权在该卷宗追加记录", True),
    (21, "other_division", "the seal belongs to another administrative division", "印章属于其他行政区划", True),
    (22, "occurred_in_future", "occurred_at is after the block's time", "发生时间晚于区块时间", True),
    (23, "wrong_status", "the life cycle does not allow this now", "当前状态不允许该操作", True),
    (24, "seal_unknown", "there is no seal with this es_id", "印章不存在", True),
    (25, "seal_not_active", "the seal is not active", "印章当前非有效状态", True),
    (26, "seal_not_valid", "the seal is outside its validity", "印章不在有效期内", True),
    (27, "seal_kind", "the seal's owner is not of the kind that this signature asks", "印章所有人类型与签署类型不符", True),
    (28, "seal_exists", "the es_id is taken", "印章标识已存在", True),
    (29, "supersedes_invalid", "the superseded seal is unknown or another owner's", "被替换的印章不存在或不属同一所有人", True),
    (30, "filing_exists", "the filing number is taken", "备案编号已存在", True),
    (31, "party_unknown", "the party is not one of this case", "签署方不属于该签约", True),
    (32, "party_not_verified", "the party's identity is not verified", "签署方尚未实名认证", True),
    (33, "not_started", "the party has not started signing this document so", "签署方未以该方式开始签署该文档", True),
    (34, "document_unknown", "the hash is not a current one of this case", "文档哈希不是该签约的当前文档", True),
    (35, "documents_differ", "the final documents are not the case's current ones", "最终文档与当前文档不一致", True),
    (36, "deadline_passed", "the case's deadline has passed", "已超过签署期限", True),
    (37, "certificate_unknown", "the old certificate is not the seal's", "原证书不属于该印章", True),
    (38, "code_unknown", "there is no record with this code", "存证编码不存在", True),
    (39, "anchor_unknown", "the log had another root at that size", "该大小处的日志根哈希不一致", True),
    (40, "sign_no_malformed", "sign_no is of no pattern that this chain knows", "签约编号格式不符", True),
    (41, "maker_unknown", "the seal's maker is missing or no seal maker", "未指定制章单位或其不具备制章角色", True),
    (42, "validity_reversed", "valid_to is not after valid_from", "有效期起止颠倒", True),
    (43, "party_twice", "a party or document is named twice", "签署方或文档重复", True),
    (44, "participant_unknown", "a participant is no member", "参与方不是成员", True),
    (45, "dossier_full", "of so many records, only the opener may append more", "记录过多，仅卷宗新建方可继续追加", True),
    (46, "member_exists", "there is a member with this id", "成员标识已存在", True),
    (47, "member_unknown", "there is no such member", "成员不存在", True),
    (48, "key_taken", "the key is registered already", "密钥已登记", True),
    (49, "key_foreign", "the key is none of this member's that this could be done to", "该密钥不属于该成员或不可如此处理", True),
    (50, "recovery_key_needed", "only the member's recovery key may sign this", "须由成员的恢复密钥签署", True),
    (51, "recovery_key_only", "a recovery key signs changes of keys, and nothing else", "恢复密钥仅可用于密钥变更", True),
    (52, "proposal_closed", "the proposal is decided, withdrawn, or past its closing time", "提案已决、已撤回或已截止", True),
    (53, "already_voted", "the member has voted on this proposal", "该成员已表决", True),
    (54, "too_many_open", "too many proposals are open", "未决提案过多", True),
    (55, "closing_time", "closes_at must be later than the block, by 90 days at most", "截止时间须晚于区块时间且不超过 90 天", True),
    (56, "change_pending", "an earlier change of the same comes into force before this one would", "同一事项的前一变更将先于本变更生效", True),
    (57, "no_change", "it would change nothing", "提案不产生任何变更", True),
    (58, "parameter_malformed", "the value is none that this parameter may have", "参数值不合规", True),
    (59, "rules_not_next", "the rules' version may only rise by one", "规则版本只能逐一递增", True),
    (60, "sole_validator", "a chain of one validator becomes a consortium by a new genesis", "单一验证节点的链须通过新创世转为联盟链", True),
    (61, "validator_foreign", "the validator's key is another member's", "验证节点密钥属于其他成员", True),
    (62, "validators_bounds", "there must be 2 to 200 validators at every height", "任一高度的验证节点须为 2 至 200 个", True),
    (63, "member_needed", "the last active member must stay", "至少须保留一个活动成员", True),
    (64, "misbehaviour_unknown", "no block shows this misbehaviour", "没有区块证明该违规行为", True),
    (65, "misbehaviour_recorded", "the misbehaviour is on record already", "该违规行为已记录", True),
    (66, "too_many_members", "there may be 150 members", "成员至多 150 个", True),
    (67, "too_many_keys", "of so many keys, the member registers more by vote only", "成员登记的密钥过多，仅可经表决再登记", True),
    (68, "height_too_far", "a change comes into force within 10,000,000 blocks", "变更须在一千万个区块内生效", True),
    (69, "key_unproven", "proof is no signature of the new key for this member", "新密钥的持有证明无效", True),
    (70, "other_proposal", "the proposal says something else than what was voted on", "提案内容与所表决的内容不一致", True),
)  # fmt: skip

REJECTIONS = {row[0]: Rejection(*row) for row in _ROWS}
_BY_NAME = {item.name: item for item in REJECTIONS.values()}


def rejection(name: str) -> int:
    """The byte of the rejection called ``name``."""
    return _BY_NAME[name].code
