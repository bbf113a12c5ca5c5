/**
 * The verifier's steps about the records: entries, order, completeness, times, disclosures. Mirrors
 * node/core/verify_records.py; its steps about keys and signatures are verify_signers.js.
 */

import { equal, toHex } from "./bytes.js";
import { Record, Told } from "./case.js";
import { matchDisclosures } from "./disclosure.js";
import { decodeEntry } from "./entry.js";
import { InvalidInput, NotChecked } from "./errors.js";
import { codeDigits, parseCode } from "./evidence_code.js";
import { verifyInclusion } from "./merkle.js";
import { shown } from "./shown.js";
import { rfc3339 } from "./times.js";
import { decodeTransaction } from "./transaction.js";

/** What `check` returns, an error of it with its place under `place`. */
function under(place, check) {
  try {
    return check();
  } catch (error) {
    throw error instanceof InvalidInput ? error.under(place) : error;
  }
}

/** Step 7. Entries and transactions must be of their formats, and of one dossier. */
export function checkRecordForm(case_) {
  const { bundle } = case_;
  const records = bundle.entries.map((bundled, position) => readRecord(case_, bundled, position));
  const subjects = new Set(records.map((record) => record.transaction.sub));
  if (subjects.size !== 1) {
    throw new InvalidInput(
      "bundle.entries", "are of more than one dossier", "各条记录不属于同一卷宗");
  }
  if (bundle.scope === "record" && records.length !== 1) {
    throw new InvalidInput(
      "bundle.entries", "scope record has exactly one", "单条记录的证据包须恰有一条记录");
  }
  case_.records = records;
  const [subject] = subjects;
  return new Told(
    `dossier ${subject}`,
    `卷宗 ${subject}，各条记录格式正确`,
    records.map(({ entry, transaction }) => (
      `${entry.code}  ${transaction.type}  by ${transaction.iss}`
    )),
    records.map(({ entry, transaction }) => (
      `${entry.code}　${transaction.type}　由 ${transaction.iss} 签署`
    )),
  );
}

function readRecord(case_, bundled, position) {
  const place = `bundle.entries[${position}]`;
  const entry = decodeEntry(bundled.text, `${place}.entry`);
  const transaction = under(`${place}.entry.tx`, () => decodeTransaction(entry.tx));
  // Of several chains it is that of the record's height, which `checkInclusion` looks at.
  const isAnother = transaction.cid !== case_.trust.chainId;
  if (isAnother && case_.bundle.predecessors.length === 0) {
    throw new InvalidInput(
      `${place}.entry.tx.payload.cid`, "is another chain", "交易属于另一条链");
  }
  return new Record(place, bundled, entry, transaction);
}

/**
 * Step 8. Each entry must be in the log as it was after its block, and in the bundle's newest log.
 *
 * The newest log is the one that a checkpoint is compared with. Roots after older blocks are the
 * validators' word alone, and nothing else ties them to it.
 */
export function checkInclusion(case_) {
  const { newest } = case_;
  for (const record of case_.records) {
    const roots = case_.roots.get(record.entry.height);
    if (roots === undefined) {
      throw new InvalidInput(
        record.place, "the roots after its block are not in the bundle", "证据包中没有其区块之后的根");
    }
    if (record.transaction.cid !== case_.genesisAt(roots.height).chainId) {
      throw new InvalidInput(
        `${record.place}.entry.tx.payload.cid`, "is another chain than its height's",
        "交易所属的链与其高度不符");
    }
    checkInLog(record, "path", record.bundled.path, roots);
    checkInLog(record, "path_as_of", record.bundled.pathAsOf, newest);
  }
  const count = case_.records.length;
  return new Told(`${count} entries are in the log`, `${count} 条记录均在日志中`);
}

function checkInLog(record, name, path, roots) {
  try {
    verifyInclusion(record.leaf, record.bundled.index, roots.size, path, roots.root);
  } catch (error) {
    if (!(error instanceof InvalidInput)) {
      throw error;
    }
    const place = error.place.replace("path", name);
    throw new InvalidInput(`${record.place}.${place}`, error.rule, error.ruleZh);
  }
}

/** Step 9. Codes must count up from 1, and each entry must name the one before it. */
export function checkOrder(case_) {
  if (case_.bundle.scope === "record") {
    throw new NotChecked(
      "a single record: its place among the others is not shown",
      "仅单条记录，未展示其在卷宗中的前后关系",
    );
  }
  const { digits } = parseCode(case_.records[0].entry.code);
  let before = new Uint8Array(0);
  case_.records.forEach((record, position) => {
    const place = `${record.place}.entry`;
    const wanted = `CZ${digits}-${position + 1}`;
    if (record.entry.code !== wanted) {
      throw new InvalidInput(`${place}.code`, `must be ${wanted}`, `存证编码应为 ${wanted}`);
    }
    if (!equal(record.entry.prev, before)) {
      throw new InvalidInput(
        `${place}.prev`, "does not name the record before it", "未指向前一条记录");
    }
    before = record.leaf;
  });
  const count = case_.records.length;
  return new Told(
    `CZ${digits}-1 to -${count}, each naming the one before`,
    `CZ${digits}-1 至 -${count}，逐条指向前一条`,
  );
}

/** Step 10. The state map must name the bundle's last record as the dossier's last. */
export function checkHead(case_) {
  const { records } = case_;
  const last = records[records.length - 1];
  const head = case_.needState(`dossier/${last.transaction.sub}`);
  if (head.count !== records.length) {
    throw new InvalidInput(
      "dossier", `has ${shown(head.count)} records, the bundle another number`,
      `链上该卷宗有 ${shown(head.count)} 条记录，证据包有 ${records.length} 条`);
  }
  if (head.head !== toHex(last.leaf)) {
    throw new InvalidInput(
      "dossier", "its last record is another than the bundle's", "链上的最后一条记录与证据包不同");
  }
  checkCode(head, records[0].transaction, last);
  const time = rfc3339(case_.headers.get(case_.bundle.asOf + 1).time.milliseconds);
  const text = `nothing recorded before ${time} is missing`;
  const textZh = `${time} 之前上链的记录无遗漏`;
  if (last.transaction.sub.startsWith("seal:")) { // its expiry is derived, from its own value
    return new Told(text, textZh);
  }
  const status = shown(head.status);
  return new Told(`${text}; status ${status}`, `${textZh}；状态 ${status}`);
}

function checkCode(head, first, last) {
  const { counter } = head;
  if (!Number.isInteger(counter) || counter < 0 || counter >= 2 ** 32) {
    throw new InvalidInput("dossier.counter", "must be a 32-bit integer", "计数器须为 32 位整数");
  }
  const digits = codeDigits(first.cid, first.id, counter);
  if (head.code !== digits || parseCode(last.entry.code).digits !== digits) {
    throw new InvalidInput(
      "dossier.code", "does not follow from its first transaction", "存证编码与首笔交易不符");
  }
}

/** Step 13. A record is in the log no earlier than its block's header, no later than the next. */
export function checkTimes(case_) {
  const lines = case_.records.map((record) => {
    const header = case_.headers.get(record.entry.height);
    const after = case_.headers.get(record.entry.height + 1);
    if (header === undefined || after === undefined) {
      throw new InvalidInput(
        record.place, "the headers that give its time are not in the bundle",
        "证据包中没有确定其时间的区块头");
    }
    if (header.time.milliseconds !== record.entry.time) {
      throw new InvalidInput(
        `${record.place}.entry.time`, "is not its block's time", "与其区块时间不符");
    }
    return timeLine(record, header, after);
  });
  return new Told(
    "the validators vouch for these times",
    "以下上链时间由验证节点签名确认",
    lines.map(([line]) => line),
    lines.map(([, line]) => line),
  );
}

/** The four times of a record, in English and in Chinese. */
function timeLine({ entry, transaction }, header, after) {
  const signed = rfc3339(transaction.iat * 1000, { wholeSeconds: true });
  const occurred = rfc3339(transaction.occurredAt);
  const [from, to] = [header, after].map((one) => rfc3339(one.time.milliseconds));
  return [
    `${entry.code}: occurred ${occurred} (said by the submitter), signed ${signed}, on the chain `
      + `between ${from} and ${to}`,
    `${entry.code}：发生于 ${occurred}（提交方所述），签名于 ${signed}，上链于 ${from} 至 ${to} 之间`,
  ];
}

/** Step 14. Each disclosed field must be one that its own record's digests name. */
export function checkDisclosures(case_) {
  const { records } = case_;
  const total = records.reduce((sum, { transaction }) => sum + transaction.digests.length, 0);
  if (records.every((record) => record.bundled.disclosures.length === 0)) {
    throw new NotChecked(
      `none is disclosed; ${total} digest(s) stand on the chain`,
      `未披露任何私密字段；链上有 ${total} 个摘要`,
    );
  }
  const found = records.flatMap(({ place, bundled, entry, transaction }) => (
    under(place, () => (
      matchDisclosures(transaction.digests, bundled.disclosures, transaction.data)
    )).map((disclosure) => `${entry.code}: ${disclosure.name}`)
  ));
  return new Told(
    `${found.length} of at most ${total} private fields are disclosed and genuine`,
    `已披露 ${found.length} 项私密字段（至多 ${total} 项），均与链上摘要一致`,
    found,
  );
}
