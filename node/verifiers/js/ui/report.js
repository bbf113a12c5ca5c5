/** The report of a verification: one plain sentence on top, then every step, then the records. */

import { sha256 } from "../crypto/sha256.js";
import { toHex } from "../bytes.js";
import { rfc3339 } from "../times.js";
import { definitions, element, foreign, hashLines } from "./elements.js";
import { reasonOf } from "./reasons.js";
import { recordCards } from "./record_cards.js";
import { sentence } from "./texts.js";

const MOST_LINES = 200;
const LOOKS = {
  passed: { mark: "✓", look: "good" },
  failed: { mark: "✗", look: "bad" },
  "not checked": { mark: "–", look: "wait" },
};

/** All parts of the report of an `outcome` (ui/outcome.js), as elements. */
export function reportOf(outcome, language) {
  const parts = [verdict(outcome, language), trustPart(outcome, language)];
  if (outcome.certificateSteps.length > 0) {
    parts.push(...stepsPart("certificateSteps", outcome.certificateSteps, language));
  }
  if (outcome.bundleSteps.length > 0) {
    const name = outcome.certificateSteps.length > 0 ? "bundleSteps" : "steps";
    parts.push(...stepsPart(name, outcome.bundleSteps, language));
  }
  parts.push(...recordsPart(outcome, language), ...filesPart(outcome, language));
  return parts;
}

function allSteps(outcome) {
  return [...outcome.certificateSteps, ...outcome.bundleSteps];
}

function titleOf(step, language) {
  return language === "zh" ? step.titleZh : step.title;
}

/** The one sentence: what is proven and since when, or which step failed. */
function verdict(outcome, language) {
  const name = !outcome.accepted ? "refused" : outcome.ownTrust ? "conditional" : "accepted";
  const look = { refused: "bad", conditional: "wait", accepted: "good" }[name];
  const mark = { refused: "✗ ", conditional: "– ", accepted: "✓ " }[name];
  const heading = element("h2", { id: "verdict", tabindex: "-1" },
    element("span", { "aria-hidden": "true" }, mark), sentence(language, name));
  const lines = outcome.accepted ? claim(outcome, language) : [refusal(outcome, language)];
  return element("section", { class: `verdict ${look}`, "aria-labelledby": "verdict" },
    heading, element("p", { id: "checked" }, sentence(language, "checked"), foreign(outcome.files[0].name)),
    ...lines, counts(outcome, language));
}

function claim(outcome, language) {
  const { records } = outcome;
  const last = records[records.length - 1];
  const known = outcome.bundleSteps.some(({ id, status }) => (
    id === "transactions.keys" && status === "passed"
  ));
  const name = !known ? "claimDoubted" : records.length === 1 ? "claimOne" : "claim";
  const proven = sentence(language, name, records.length, rfc3339(records[0].provenTime),
    rfc3339(last.provenTime), last.chainId);
  const open = allSteps(outcome).filter((step) => step.status === "not checked" && !step.part);
  const lines = [
    element("p", { class: "claim" }, proven),
    element("p", {}, element("strong", {}, sentence(language, "notContent"))),
  ];
  if (open.length > 0) {
    const stop = language === "zh" ? "、" : ", ";
    const titles = open.map((step) => `${step.label} ${titleOf(step, language)}`).join(stop);
    lines.push(element("p", {}, sentence(language, "unchecked", titles)));
  }
  return lines;
}

function refusal(outcome, language) {
  const failed = allSteps(outcome).find((step) => step.status === "failed");
  const text = sentence(language, "refusedText", failed.label, titleOf(failed, language));
  return element("p", { class: "claim" }, text);
}

function counts(outcome, language) {
  const whole = allSteps(outcome).filter((step) => !step.part);
  const numbers = Object.keys(LOOKS).map((status) =>
    whole.filter((step) => step.status === status).length);
  return element("p", { class: "soft" }, sentence(language, "counts", ...numbers));
}

/** The trust file's fingerprint in two lines, and what to do with it. */
function trustPart(outcome, language) {
  const part = element("section", { class: "note wait", "aria-labelledby": "fingerprint" },
    element("h3", { id: "fingerprint" }, sentence(language, "fingerprint")));
  if (outcome.trustFingerprint !== "") {
    part.append(...hashLines(outcome.trustFingerprint));
  }
  if (outcome.ownTrust) {
    part.append(element("p", {}, element("strong", {}, sentence(language, "ownTrust"))));
  }
  part.append(element("p", {}, sentence(language, "compare")));
  return part;
}

function stepsPart(name, steps, language) {
  const list = element("ol", { class: "steps", role: "list" });
  list.append(...steps.map((step) => stepItem(step, language)));
  return [element("h2", {}, sentence(language, name)), list];
}

function stepItem(step, language) {
  const { mark, look } = LOOKS[step.status];
  const state = element("span", { class: `state ${look}` },
    element("span", { "aria-hidden": "true" }, `${mark} `), sentence(language, step.status));
  const item = element("li", {
    class: step.part ? "part" : "", "data-step": step.label, "data-status": step.status,
  });
  item.append(element("h3", {}, `${step.label} `, foreign(titleOf(step, language)), " · ", state));
  item.append(element("p", {}, foreign(language === "zh" ? step.textZh : step.text)));
  const reason = reasonOf(step.id, language);
  if (reason !== "") {
    item.append(element("p", { class: "why" }, sentence(language, "why"), reason));
  }
  if (step.details.length > 0) {
    item.append(detailsOf(step.details, language));
  }
  return item;
}

function detailsOf(details, language) {
  const list = element("ul");
  list.append(...details.slice(0, MOST_LINES).map((line) => element("li", {}, foreign(line))));
  if (details.length > MOST_LINES) {
    list.append(element("li", {}, sentence(language, "more", details.length - MOST_LINES)));
  }
  return element("details", {},
    element("summary", {}, sentence(language, "details", details.length)), list);
}

function recordsPart(outcome, language) {
  const name = outcome.accepted ? "records" : "noRecordsTitle";
  const heading = element("h2", {}, sentence(language, name));
  if (!outcome.accepted) {
    return [heading, element("p", {}, sentence(language, "noRecords"))];
  }
  const note = element("p", { class: "soft" }, sentence(language, "recordsNote"));
  return [heading, note, ...recordCards(outcome.records, language)];
}

/** Name, size and SHA-256 of every file, and by what and when it was checked. */
function filesPart(outcome, language) {
  const parts = [element("h2", {}, sentence(language, "files"))];
  for (const file of outcome.files) {
    parts.push(element("p", {}, foreign(file.name), " · ",
      sentence(language, "size", file.bytes.length),
      " · SHA-256", ...hashLines(toHex(sha256(file.bytes)))));
  }
  parts.push(definitions([
    [sentence(language, "moment"), rfc3339(outcome.moment, { wholeSeconds: true })],
    [sentence(language, "backend"), outcome.backend],
  ]));
  return parts;
}
