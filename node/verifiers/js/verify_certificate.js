/**
 * The offline verifier of a certificate's PDF: document steps P1 to P7, then those of its bundle
 * (docs/spec/certificate.md). Mirrors node/core/verify_certificate.py.
 *
 * The PDF brings its own bundle; what is believed is a trust file that whoever verifies gives, or,
 * for want of one, that which is attached: then nothing in the file says whether it is the right
 * one, and the report says so.
 */

import { checkTrusted } from "./anchors/verify_anchors.js";
import { toHex } from "./bytes.js";
import { FAILED, NOT_CHECKED, PASSED, Told } from "./case.js";
import { STATEMENT, decodeStatement } from "./certificate_statement.js";
import { sha256 } from "./crypto/sha256.js";
import { InvalidInput, NotChecked } from "./errors.js";
import { failureZh } from "./failure_texts.js";
import { readCertificate } from "./pdf/certificate_file.js";
import { decodeTrust } from "./trust.js";
import { STEPS, verifyBundle } from "./verify.js";
import { checkLaterRevisions, checkSeal, checkSealTimes, checkSigner } from "./verify_seal.js";
import { checkStatement } from "./verify_statement.js";

const BUNDLE = "bundle.json";
const TRUST = "trust.json";
const FORM = "certificate.form";
const TRUSTING = "certificate.trust";
const SEALED = "certificate.signature";
const TIMED = "certificate.time";
const SIGNER = "certificate.signer";

/** The steps in their order: id, titles, the ids that each rests on, and what checks it. */
export const DOCUMENT_STEPS = [
  step(FORM, "Form of the certificate", "证书文件格式", [], checkForm),
  step(TRUSTING, "Trust file", "信任文件", [FORM], checkTrust),
  step(SEALED, "The institution's seal", "机构电子印章签名", [FORM], checkSeal),
  step("certificate.later", "What was added after it was sealed", "签章后的改动", [SEALED],
    checkLaterRevisions),
  step(TIMED, "Time of the seal", "签章时间", [SEALED], checkSealTimes),
  step(SIGNER, "Certificate of the seal", "印章数字证书", [SEALED], checkSigner),
  step("certificate.statement", "Statement of the issuing member", "出证机构声明", [FORM],
    checkStatement),
];

function step(id, title, titleZh, needs, check) {
  return Object.freeze({ id, title, titleZh, needs, check });
}

/** Whether this wants to be a PDF file rather than a bundle. */
export function isPdf(data) {
  return toHex(data.subarray(0, 5)) === "255044462d";
}

/**
 * Check a certificate of evidence.
 *
 * @param {Uint8Array} pdfBytes believed in nothing.
 * @param {Uint8Array|null} trustBytes believed whole; null for the attached trust file.
 * @returns `{accepted, steps, bundle, sha256, certificateNo, code, issuer, ownTrust, attached,
 *   trustFingerprint, backend}`: `steps` of the document, of the form that `verifyBundle` gives,
 *   labelled P1 and on; `bundle` is that one's report of the attached bundle, whose bytes are
 *   `attached` (empty where there is none). Accepted where no step of either failed.
 * @throws {InvalidInput} the trust file that was given is not of its format. A bad PDF never
 *   throws.
 */
export async function verifyCertificate(pdfBytes, trustBytes = null) {
  const given = trustBytes === null ? null : decodeTrust(trustBytes);
  if (given !== null) {
    checkTrusted(given);
  }
  const case_ = newCase(pdfBytes, given, trustBytes);
  const ended = new Map();
  const steps = [];
  for (const [position, planned] of DOCUMENT_STEPS.entries()) {
    if (planned.check === checkStatement) {
      case_.report = await verifyAttached(case_);
    }
    const { status, told } = await run(planned, case_, ended);
    ended.set(planned.id, status);
    steps.push(...reported(position + 1, planned, status, told, case_.parts));
    case_.parts = [];
  }
  const { report, statement, pdf } = case_;
  return {
    accepted: report.accepted && steps.every((one) => one.status !== FAILED),
    steps,
    bundle: report,
    sha256: case_.sha256,
    certificateNo: statement?.certificateNo ?? "",
    code: statement?.code ?? "",
    issuer: statement?.issuer ?? "",
    ownTrust: case_.ownTrust,
    attached: pdf?.attachments.get(BUNDLE) ?? new Uint8Array(0),
    trustFingerprint: report.trustFingerprint,
    backend: report.backend,
  };
}

/**
 * What has been established so far. Steps fill it in; only what passed is in it. `sealedBy` is a
 * time (ms) at which the seal was there by a time-stamp authority's word.
 */
function newCase(data, given, trustBytes) {
  return {
    data,
    sha256: toHex(sha256(data)),
    given,
    trustBytes,
    ownTrust: false,
    trust: null,
    pdf: null,
    statement: null,
    signature: null,
    sealedBy: null,
    report: null,
    parts: [],
  };
}

/** The file and its attachments must be readable, and be those that the statement names. */
function checkForm(case_) {
  const pdf = readCertificate(case_.data);
  for (const name of [BUNDLE, STATEMENT, TRUST]) {
    if (!pdf.attachments.has(name)) {
      throw new InvalidInput(
        "pdf", `is no certificate: ${name} is not attached to it`, `不是存证证书：缺少附件 ${name}`);
    }
  }
  const statement = decodeStatement(pdf.attachments.get(STATEMENT));
  const attached = [...pdf.attachments.keys()].filter((name) => name !== STATEMENT);
  const other = [
    ...attached.filter((name) => !statement.files.has(name)),
    ...[...statement.files.keys()].filter((name) => !attached.includes(name)),
  ].sort()[0];
  if (other !== undefined) {
    throw new InvalidInput(
      "statement.files",
      `must name what is attached; ${other} is not both`,
      `附件与声明所列不一致：${other}`,
    );
  }
  case_.pdf = pdf;
  case_.statement = statement;
  const lines = [...pdf.attachments].map(([name, content]) => (
    [name, content.length, toHex(sha256(content))]
  ));
  const { certificateNo } = statement;
  const count = pdf.views.length;
  return new Told(
    `certificate ${certificateNo}: a PDF of ${count} revision(s), SHA-256 ${case_.sha256}`,
    `证书编号 ${certificateNo}：PDF 共 ${count} 个版本，SHA-256 ${case_.sha256}`,
    lines.map(([name, length, hash]) => `${name}  ${length} bytes, SHA-256 ${hash}`),
    lines.map(([name, length, hash]) => `${name}  ${length} 字节，SHA-256 ${hash}`),
  );
}

/** Whether the trust file came from the one who verifies or with the certificate. */
function checkTrust(case_) {
  const own = decodeTrust(case_.pdf.attachments.get(TRUST));
  if (case_.given === null) {
    checkTrusted(own);
    case_.trust = own;
    case_.ownTrust = true;
    throw new NotChecked(
      "the trust file is the certificate's own, so whoever made the certificate chose it: compare "
        + "its fingerprint with what the members of the consortium publish",
      "所用信任文件由证书自带，即由制作证书者选定：请将其指纹与联盟成员单位公布的指纹核对",
      [`fingerprint ${own.fingerprint}`],
      [`指纹 ${own.fingerprint}`],
    );
  }
  case_.trust = case_.given;
  if (own.fingerprint === case_.given.fingerprint) {
    return new Told(
      "the trust file that was given is the attached one", "所给信任文件与证书所附一致");
  }
  return new Told(
    "the trust file that was given is used, and not the attached one, which is another",
    "采用所给信任文件；证书所附信任文件与之不同，未采用",
    [`fingerprint of the attached one ${own.fingerprint}`],
    [`所附信任文件的指纹 ${own.fingerprint}`],
  );
}

async function run(planned, case_, ended) {
  const missing = planned.needs.filter((need) => ended.get(need) !== PASSED);
  if (missing.length === 0 && planned.needs.length > 0 && case_.trust === null
      && planned.id !== TRUSTING) {
    missing.push(TRUSTING);
  }
  if (planned.id === SIGNER && ended.get(TIMED) === FAILED) {
    missing.push(TIMED);
  }
  if (missing.length > 0) {
    return { status: NOT_CHECKED, told: restsOn(missing[0]) };
  }
  try {
    return { status: PASSED, told: await planned.check(case_) };
  } catch (error) {
    if (error instanceof NotChecked) {
      const { text, textZh, details, detailsZh } = error;
      return { status: NOT_CHECKED, told: new Told(text, textZh, details, detailsZh) };
    }
    if (error instanceof InvalidInput) {
      return { status: FAILED, told: new Told(error.message, failureZh(planned.id, error)) };
    }
    throw error;
  }
}

function restsOn(missing) {
  const position = DOCUMENT_STEPS.findIndex((one) => one.id === missing);
  return new Told(
    `rests on ${missing}, which did not pass`,
    `其依据的第 P${position + 1} 步“${DOCUMENT_STEPS[position].titleZh}”未通过，故未核验`,
  );
}

/** The step, and one for each of its parts. */
function reported(number, planned, status, told, parts) {
  const { id, title, titleZh } = planned;
  const whole = { number, part: 0, label: `P${number}`, id, title, titleZh, status, ...told };
  return [whole, ...parts.map((part, at) => ({
    number,
    part: at + 1,
    label: `P${number}.${at + 1}`,
    id: `${id}.${at + 1}`,
    title: part.title,
    titleZh: part.titleZh,
    status: part.status,
    ...part.told,
  }))];
}

/** The report of the attached bundle; where there is none to verify, no step was checked. */
async function verifyAttached(case_) {
  if (case_.pdf === null || case_.trust === null) {
    const told = restsOn(case_.pdf === null ? FORM : TRUSTING);
    const steps = STEPS.map(({ id, title, titleZh }, position) => ({
      number: position + 1,
      part: 0,
      label: String(position + 1),
      id,
      title,
      titleZh,
      status: NOT_CHECKED,
      ...told,
    }));
    const trustFingerprint = case_.given === null ? "" : case_.given.fingerprint;
    return { accepted: true, trustFingerprint, backend: "JavaScript", steps };
  }
  const trust = case_.ownTrust ? case_.pdf.attachments.get(TRUST) : case_.trustBytes;
  return verifyBundle(case_.pdf.attachments.get(BUNDLE), trust);
}
