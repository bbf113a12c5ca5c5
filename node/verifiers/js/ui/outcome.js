/**
 * One verification, whatever was given: the verifiers are asked, and what they say is put into one
 * form for the page.
 */

import { InvalidInput } from "../errors.js";
import { partFailureZh } from "../failure_texts.js";
import { verifyBundle } from "../verify.js";
import { verifyCertificate } from "../verify_certificate.js";
import { FileRefused, MAX_TRUST_BYTES } from "./files.js";
import { shownRecords } from "./records.js";

/**
 * Verify what was chosen.
 *
 * `evidence` is a `ReadFile`, `trust` one or null. The result has `accepted`, `ownTrust` (the
 * certificate's own trust file was used), `trustFingerprint` ("" where no trust file could be
 * read), `backend`, `certificateSteps`, `bundleSteps`, `records` (of an accepted file, else empty),
 * `files` and `moment` (ms, this machine's clock).
 *
 * Throws FileRefused for files with which nothing can be begun.
 */
export async function verifyFiles(evidence, trust) {
  if (evidence.kind === "trust") {
    throw new FileRefused("isTrust");
  }
  if (trust !== null && trust.bytes.length > MAX_TRUST_BYTES) {
    throw new FileRefused("tooLarge", trust.name, trust.bytes.length, MAX_TRUST_BYTES);
  }
  try {
    const told = evidence.kind === "certificate"
      ? await ofCertificate(evidence, trust)
      : await ofBundle(evidence, trust);
    const files = trust === null ? [evidence] : [evidence, trust];
    return { ...told, files, moment: Date.now() };
  } catch (error) {
    if (error instanceof InvalidInput && trust !== null) {
      throw new FileRefused("badTrust", error.message, partFailureZh(error, "信任文件不符合规定的格式"));
    }
    throw error;
  }
}

async function ofBundle(evidence, trust) {
  if (trust === null) {
    throw new FileRefused("noTrust");
  }
  const report = await verifyBundle(evidence.bytes, trust.bytes);
  return {
    accepted: report.accepted,
    ownTrust: false,
    trustFingerprint: report.trustFingerprint,
    backend: report.backend,
    certificateSteps: [],
    bundleSteps: report.steps,
    records: report.accepted ? shownRecords(evidence.bytes) : [],
  };
}

async function ofCertificate(evidence, trust) {
  const report = await verifyCertificate(evidence.bytes, trust === null ? null : trust.bytes);
  const { bundle } = report;
  return {
    accepted: report.accepted,
    ownTrust: report.ownTrust,
    trustFingerprint: bundle.trustFingerprint,
    backend: bundle.backend,
    certificateSteps: report.steps,
    bundleSteps: bundle.steps,
    records: report.accepted ? shownRecords(report.attached) : [],
  };
}
