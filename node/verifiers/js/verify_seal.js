/**
 * The steps about a certificate's seal: signature, what came later, times, who the signer is.
 * Mirrors node/core/verify_seal.py.
 */

import { commonName, nameText } from "./anchors/names.js";
import { MAX_TOKEN_BYTES, checkToken, decodeToken } from "./anchors/rfc3161.js";
import { latestTime } from "./anchors/tst_info.js";
import { decodeCertificate } from "./anchors/x509.js";
import { findPath } from "./anchors/x509_path.js";
import { equal, toHex } from "./bytes.js";
import { FAILED, NOT_CHECKED, PASSED, Part, Told } from "./case.js";
import { sha256 } from "./crypto/sha256.js";
import { InvalidInput, NotChecked } from "./errors.js";
import { partFailureZh } from "./failure_texts.js";
import { checkRevisions } from "./pdf/certificate_file.js";
import { decodePades, verifyPades } from "./pdf/pades.js";
import { TIME_STAMP, signedBytes } from "./pdf/signature_fields.js";
import { rfc3339 } from "./times.js";

const CLOCKS_APART = 60_000;
const SIGNATURE_STAMP = ["signature time-stamp", "签名时间戳"];
const DOCUMENT_STAMP = ["document time-stamp", "文档时间戳"];

/** The first signature must hold, and be by the certificate that the statement names. */
export async function checkSeal(case_) {
  const { seal } = case_.pdf;
  const { sealing } = case_.statement;
  if (seal === null) {
    throw withoutSeal(sealing);
  }
  const content = signedBytes(seal, case_.data);
  const signature = decodePades(seal.contents, content, seal.place);
  await verifyPades(signature);
  const { signer, signed } = signature;
  if (toHex(sha256(signer.encoded)) !== sealing) {
    throw new InvalidInput(
      seal.place, "is by another certificate than the statement names", "签章证书与声明所载不符");
  }
  const { keyUsage } = signer.extensions;
  if (keyUsage !== null && !keyUsage.has("digitalSignature") && !keyUsage.has("nonRepudiation")) {
    throw new InvalidInput(signer.place, "its key usage must allow to sign", "证书不得用于签名");
  }
  case_.signature = signature;
  const name = commonName(signer.subject, signer.place);
  const version = seal.revision + 1;
  const ranges = seal.covered.map(([start, end]) => `${start}–${end}`).join(" + ");
  return new Told(
    `${name} has sealed all that revision ${version} of the file shows`,
    `${name} 已对文件第 ${version} 版的全部内容签章`,
    [
      `bytes ${ranges} of ${case_.data.length}`,
      `${signed.algorithm.scheme} with ${signed.digest}`,
    ],
  );
}

function withoutSeal(sealing) {
  if (sealing !== "") {
    return new InvalidInput(
      "pdf",
      "has no seal, and its statement names the certificate of one",
      "文件未加盖印章，而声明载有印章证书",
    );
  }
  return new NotChecked(
    "this certificate was issued without a seal: nothing protects what its pages say, only the "
      + "attached files are signed",
    "本证书出具时未加盖电子印章：页面内容不受签名保护，仅所附文件由出证机构签名",
  );
}

/** Behind the seal only validation data and document time-stamps may have been added. */
export function checkLaterRevisions(case_) {
  const count = checkRevisions(case_.pdf);
  if (count === 0) {
    return new Told("nothing was added after it was sealed", "签章后未添加任何内容");
  }
  const stamps = case_.pdf.timeStamps.length;
  return new Told(
    `${count} revision(s) were added after it was sealed, with nothing but validation data and `
      + `${stamps} document time-stamp(s)`,
    `签章后追加了 ${count} 个版本，仅含验证资料及 ${stamps} 个文档时间戳`,
  );
}

/** Each time-stamp must hold, and one that the trust file leads to gives the seal's time. */
export async function checkSealTimes(case_) {
  const stamps = collectStamps(case_);
  if (stamps.length === 0) {
    const claimed = rfc3339(case_.statement.iat * 1000, { wholeSeconds: true });
    throw new NotChecked(
      `no time-stamp: that it was sealed at ${claimed} is the issuer's claim`,
      `没有可信时间戳：签章时间 ${claimed} 仅为出证机构自称`,
    );
  }
  const times = [];
  for (const stamp of stamps) {
    const time = await checkStamp(case_, stamp);
    if (time !== null) {
      times.push(time);
    }
  }
  const failed = case_.parts.find((part) => part.status === FAILED);
  if (failed !== undefined) {
    throw new InvalidInput(
      "time-stamps", `${failed.title}: ${failed.told.text}`, `${failed.titleZh}不成立`);
  }
  times.forEach((after, position) => {
    if (after + CLOCKS_APART < Math.max(...times.slice(0, position + 1))) {
      throw new InvalidInput(
        "time-stamps", "a later one states an earlier time", "后加的时间戳时间反而更早");
    }
  });
  if (times.length === 0) {
    throw new NotChecked(
      `${stamps.length} time-stamp(s) hold by themselves; the trust file names no root that they `
        + "lead to",
      `${stamps.length} 个时间戳自身有效，但信任文件中没有其证书所指向的根证书`,
    );
  }
  [case_.sealedBy] = times;
  const when = rfc3339(case_.sealedBy);
  return new Told(`sealed no later than ${when}`, `签章时间不晚于 ${when}`);
}

/** The tokens with what each must be of: the seal's signature, or the bytes before it. */
function collectStamps(case_) {
  const { token, signed } = case_.signature;
  const first = token.length === 0 ? []
    : [{ token, content: signed.signature, title: SIGNATURE_STAMP }];
  const further = case_.pdf.timeStamps
    .filter((one) => one.subfilter === TIME_STAMP)
    .map((one) => ({
      token: one.contents, content: signedBytes(one, case_.data), title: DOCUMENT_STAMP,
    }));
  return [...first, ...further];
}

/** Put what came of a time-stamp into `case_.parts`; its time (ms) where it leads to a root. */
async function checkStamp(case_, stamp) {
  const [title, titleZh] = stamp.title;
  try {
    const [time, told] = await verifyStamp(case_, stamp);
    case_.parts.push(new Part(PASSED, title, titleZh, told));
    return time;
  } catch (error) {
    if (error instanceof NotChecked) {
      const told = new Told(error.text, error.textZh, error.details, error.detailsZh);
      case_.parts.push(new Part(NOT_CHECKED, title, titleZh, told));
    } else if (error instanceof InvalidInput) {
      const textZh = partFailureZh(error, "时间戳不符合其格式或不成立");
      case_.parts.push(new Part(FAILED, title, titleZh, new Told(error.message, textZh)));
    } else {
      throw error;
    }
    return null;
  }
}

async function verifyStamp(case_, { token, content, title: [place] }) {
  if (token.length > MAX_TOKEN_BYTES) {
    throw new InvalidInput(place, `has more than ${MAX_TOKEN_BYTES} bytes`, "时间戳过长");
  }
  const stamp = decodeToken(token, place);
  const { info, signer } = stamp;
  const digest = sha256(content);
  if (info.digest !== "sha256" || !equal(info.imprint, digest)) {
    throw new InvalidInput(place, "is not of these bytes, or not with SHA-256", "与所盖内容不符");
  }
  const path = await checkToken(stamp, digest, readRoots(case_.trust.tsaRoots, "tsa_roots"));
  if (path.root === null) {
    throw new NotChecked(
      "holds by itself; the trust file names no root that its certificate leads to",
      "自身有效，但信任文件中没有其证书所指向的根证书",
      certificateLines(signer),
    );
  }
  const time = latestTime(info);
  const when = rfc3339(time);
  const name = commonName(signer.subject, signer.place);
  const told = new Told(
    `${name}: no later than ${when}`, `${name}：不晚于 ${when}`, certificateLines(signer));
  return [time, told];
}

function readRoots(encoded, name) {
  return encoded.map((root, number) => decodeCertificate(root, `trust.${name}[${number}]`));
}

function certificateLines(certificate) {
  return [
    `certificate ${nameText(certificate.subject, certificate.place)}`,
    `    by ${nameText(certificate.issuer, certificate.place)}`,
    `    serial ${certificate.serial.toString(16)}`,
    `    SHA-256 ${toHex(sha256(certificate.encoded))}`,
  ];
}

/** The seal's certificate must lead to a root of the trust file, at the time of the seal. */
export async function checkSigner(case_) {
  const { signer, others } = case_.signature;
  const claimed = case_.sealedBy === null;
  const at = claimed ? case_.statement.iat * 1000 : case_.sealedBy;
  const roots = readRoots(case_.trust.signerRoots, "signer_roots");
  const path = await findPath(signer, others, roots, at);
  if (roots.length === 0) {
    throw new NotChecked(
      "the trust file names no roots for seals: compare the certificate with what the institution "
        + "publishes",
      "信任文件未列出印章证书的根证书：请将下列证书信息与出证机构公布的信息核对",
      certificateLines(signer),
    );
  }
  if (path.root === null) {
    throw new InvalidInput(
      signer.place,
      "leads to none of the trust file's roots for seals",
      "印章证书未指向信任文件所列的根证书",
    );
  }
  return toldOfSigner(signer, path.root, at, claimed);
}

function toldOfSigner(signer, root, at, claimed) {
  const when = rfc3339(at, { wholeSeconds: true });
  const name = nameText(signer.subject, signer.place);
  const above = commonName(root.subject, root.place);
  const by = claimed ? "the issuer's claim" : "a time-stamp authority's word";
  const byZh = claimed ? "出证机构自称" : "时间戳机构确认";
  return new Told(
    `${name} by ${above}, valid at ${when} (${by}); whether it was revoked was not checked`,
    `${name}，由 ${above} 签发，在 ${when}（${byZh}）有效；未核验证书当时是否已被吊销`,
    certificateLines(signer),
  );
}
