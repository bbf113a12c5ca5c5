/** Failures in plain Chinese: what is wrong and where. Mirrors node/core/chinese/failures.py. */

const STEPS = new Map([
  ["bundle.form", "证据包不符合规定的格式"],
  ["chain.identity", "链的身份与信任文件不符，或创世文件有误"],
  ["chain.commits", "区块没有得到验证节点的有效签名确认"],
  ["chain.headers", "区块头或其所承诺的根不一致"],
  ["log.genesis", "日志未包含应有的创世文件，或未延续此前的日志"],
  ["state.proofs", "链上状态的证明不成立"],
  ["entries.form", "记录或交易不符合规定的格式"],
  ["entries.inclusion", "记录不在所示的日志中"],
  ["dossier.chain", "记录的编号或前后链接不连续"],
  ["dossier.head", "未能证明卷宗记录完整"],
  ["transactions.keys", "未能证明签名所用的密钥属于签名者且当时有效"],
  ["transactions.signatures", "记录的签名不成立，或无从核实"],
  ["times", "记录所载的上链时间未能由区块证实"],
  ["disclosures", "披露的私密字段与链上摘要不符"],
  ["log.checkpoint", "未能证明日志与已知检查点一致"],
  ["anchors", "第三方存证的回执不成立"],
  ["operators", "运营方无法核实"],
  ["certificate.form", "文件不是可读的存证证书"],
  ["certificate.trust", "证书所附信任文件不符合规定的格式"],
  ["certificate.signature", "机构电子印章的签名不成立"],
  ["certificate.later", "签章后文件被改动"],
  ["certificate.time", "时间戳不成立"],
  ["certificate.signer", "印章数字证书不可信"],
  ["certificate.statement", "出证机构声明不成立"],
]);
const ITEMS = [
  [/^bundle\.entries\[(\d+)\]/, (n) => `第${n + 1}条记录`],
  [/^bundle\.state\[(\d+)\]/, (n) => `第${n + 1}项状态证明`],
  [/^bundle\.consistency\[(\d+)\]/, (n) => `第${n + 1}项一致性证明`],
  [/^bundle\.anchors\[(\d+)\]/, (n) => `第${n + 1}份回执`],
  [/^bundle\.predecessors\[(\d+)\]/, (n) => `第${n + 1}条前身链`],
  [/^header (\d+)/, (n) => `高度为 ${n} 的区块头`],
  [/^commit (\d+)/, (n) => `高度为 ${n} 的提交`],
  [/^roots (\d+)/, (n) => `高度为 ${n} 的根`],
  [/^commit\.signatures\[(\d+)\]/, (n) => `提交中的第${n + 1}个签名`],
];

/** The thing that a place of an error is in, in Chinese; "" where it is the whole. */
export function placeZh(place) {
  const key = /^state ([a-z]+\/[^ ]+)/.exec(place);
  if (key !== null) {
    return `状态键 ${key[1]}`;
  }
  for (const [pattern, say] of ITEMS) {
    const found = pattern.exec(place);
    if (found !== null) {
      return say(Number(found[1]));
    }
  }
  return "";
}

/**
 * A whole sentence about why a step failed: what that means, what is wrong, and where.
 * @param {string} id the step's.
 * @param {InvalidInput} error
 */
export function failureZh(id, error) {
  const said = [placeZh(error.place), error.ruleZh].filter((part) => part !== "").join("：");
  const where = said === "" ? "" : `（${said}）`;
  return `${STEPS.get(id)}${where}${atZh(error)}`;
}

/** The same of a part of a step, such as one receipt; `otherwise` where its rule has no Chinese. */
export function partFailureZh(error, otherwise) {
  return `${error.ruleZh || otherwise}${atZh(error)}`;
}

/** The place as it is, for who looks it up; with the rule where only English says it. */
function atZh(error) {
  return error.ruleZh === "" ? `。错误位置与规则：${error.message}` : `。错误位置：“${error.place}”`;
}
