/** Why each step matters: one sentence for each step's id, in Chinese and English. */

const REASONS = {
  "bundle.form": ["格式不严的文件可被不同程序读出不同内容。", "A file of loose form can be read in two ways by two programs."],
  "chain.identity": ["确认证据出自您信任的那条链，而不是仿造的另一条。", "It must be the chain that you trust, not one made to look like it."],
  "chain.commits": ["区块须由三分之二以上权重的验证节点签名，少数人不能伪造。", "More than two thirds of the validators' power must have signed, so a few cannot forge."],
  "chain.headers": ["区块头把时间、日志和状态固定在一起，改动任何一处都会暴露。", "Headers tie time, log and state together: a change anywhere shows."],
  "log.genesis": ["证明日志从公认的起点一路延续而来，没有被换掉开头。", "Shows that the log grew from the known beginning and was not given another."],
  "state.proofs": ["密钥归属、卷宗末条等结论须由状态证明支持，不能只凭出具方的说法。", "Whose key it is and which record is the last must be proven, not merely said."],
  "entries.form": ["每条记录只能有一种读法，签名才有确定的含义。", "A record must have one reading only, or its signature means nothing definite."],
  "entries.inclusion": ["证明记录确实写入了公共日志，而不是事后另造。", "Shows that the records were written into the common log and not made up later."],
  "dossier.chain": ["记录逐条相扣，中间不能抽走、插入或调换。", "Each record is tied to the one before: none can be taken out, put in or moved."],
  "dossier.head": ["防止隐去对自己不利的最后几条记录。", "Keeps anybody from withholding the last, unwelcome records."],
  "transactions.keys": ["确认签名所用密钥当时属于该成员且有效，未被报告泄露。", "The key must have been that member's, valid at that time, and not reported stolen."],
  "transactions.signatures": ["证明记录由提交方签署，此后一字未改。", "Shows that the submitter signed the record and that nothing in it has changed."],
  "times": ["说明记录最早和最晚何时上链；“发生时间”则只是提交方的说法。", "Says between which times a record came into the log; when it happened is only the submitter's word."],
  "disclosures": ["确认所披露的个人信息正是当时存证的内容，没有替换。", "The private fields shown must be those recorded then, and not others put in their place."],
  "log.checkpoint": ["与您自己保存的检查点比对，可发现日志被整体改写。", "Against a checkpoint that you kept yourself, a log that was rewritten as a whole is found out."],
  "anchors": ["外部链或时间戳机构的佐证，使本链运营方自己也无法倒签时间。", "What outsiders vouch for cannot be back-dated even by the operators of this chain."],
  "operators": ["若由一家机构运营全部节点，则在首次第三方存证之前，须信任该机构。", "Where one institution runs all nodes, it must be trusted up to its first anchor."],
  "certificate.form": ["证书须能无歧义地读出，且附件正是声明所列的文件。", "The certificate must be readable in one way only, with exactly the files that its statement names."],
  "certificate.signature": ["证明证书自机构盖章后未被改动。", "Shows that the certificate has not been changed since the institution sealed it."],
  "certificate.later": ["盖章之后可以追加验证资料，但不得改动所见内容。", "After sealing, validation data may be added, but nothing that a reader sees may change."],
  "certificate.signer": ["确认盖章的是该机构，而不是自制的同名印章。", "It must be the institution's seal, not one that somebody made in its name."],
  "certificate.time": ["由时间戳机构证明证书何时已经盖章，而不是只凭出具方的时钟。", "A time-stamp authority says when the certificate was sealed, not only the issuer's clock."],
  "certificate.statement": ["确认账本中的出具成员对这份证书负责，证书与证据属于同一条链。", "The issuing member of the ledger must answer for it, and certificate and evidence be of one chain."],
  "certificate.trust": ["信任文件是一切结论的起点，须与别处公布的指纹核对。", "Everything rests on the trust file: compare its fingerprint with one published elsewhere."],
};

/** Why the step called `id` matters, or "" for parts of steps and for steps not known here. */
export function reasonOf(id, language) {
  const found = Object.hasOwn(REASONS, id) ? REASONS[id] : ["", ""];
  return found[language === "zh" ? 0 : 1];
}

/** The ids of all steps that have a reason, for the tests. */
export function reasonedIds() {
  return Object.keys(REASONS);
}
