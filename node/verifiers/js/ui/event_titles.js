/** Titles of the types of events. Mirrors EVENT_TITLES of node/cli/records_shown.py. */

const TITLES = {
  "anchor.confirmed": "第三方存证",
  "certificate.issued": "出证",
  "disclosure.erased": "私密信息删除",
  "disclosure.released": "私密信息披露",
  "governance.proposed": "提案",
  "governance.voted": "表决",
  "governance.withdrawn": "撤回提案",
  "key.compromised": "密钥泄露报告",
  "key.rotated": "密钥更换",
  "record.imported": "存证补录",
  "seal.applied": "印章申请",
  "seal.certificate_renewed": "证书更新",
  "seal.created": "印章制作",
  "seal.filed": "公安备案",
  "seal.imported": "印章补录",
  "seal.status_changed": "状态发布",
  "signing.completed": "签署完成",
  "signing.identity_verified": "实名认证",
  "signing.initiated": "发起签约",
  "signing.intent_confirmed": "意愿认证",
  "signing.rejected": "拒绝签署",
  "signing.sealed": "签署",
  "signing.started": "开始签章",
  "signing.voided": "作废",
  "validator.misbehaved": "验证节点违规",
};

/** The title of a type of event in Chinese, or the type itself where it has none. */
export function eventTitle(type) {
  return Object.hasOwn(TITLES, type) ? TITLES[type] : type;
}
