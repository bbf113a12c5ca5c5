/**
 * A certificate's PDF as it is read: attachments, signatures, and what came after the seal. Mirrors
 * node/core/pdf/certificate_file.py.
 */

import { InvalidInput } from "../errors.js";
import { readAttachments } from "./attachments.js";
import { checkLater } from "./later.js";
import { Ref, Stream, binaryText } from "./objects.js";
import { readPdf } from "./revisions.js";
import { DETACHED, readSignatures } from "./signature_fields.js";

// What lets a document look or act otherwise at another time or for another reader.
const CHANGING = [
  "AA", "JS", "JavaScript", "NeedAppearances", "OCProperties", "OpenAction", "XFA",
];
const HEADER = /\d[\x00\t\n\x0c\r ]+obj/g;

/**
 * Read a certificate. Nothing is verified here but its form.
 *
 * @returns `{file, views, seal, timeStamps, attachments}`: `seal` is the first signature, or null
 *   in a certificate that is not sealed; `attachments` (a Map by name) are those of the revision
 *   that the seal is of.
 * @throws {InvalidInput} it is no PDF, or ambiguous.
 */
export function readCertificate(data) {
  const file = readPdf(data);
  const signatures = readSignatures(file);
  const seal = signatures[0] ?? null;
  if (seal === null && file.views.length > 1) {
    throw new InvalidInput("pdf", "was changed, and is not sealed", "文件未签章且有改动");
  }
  if (seal !== null && seal.subfilter !== DETACHED) {
    throw new InvalidInput(
      seal.place, `the first signature must be ${DETACHED}`, "首个签名须为机构印章签名");
  }
  const sealed = file.views[seal === null ? 0 : seal.revision];
  checkSteady(sealed);
  const attachments = readAttachments(sealed);
  return { file, views: file.views, seal, timeStamps: signatures.slice(1), attachments };
}

/**
 * What the document shows must not depend on when, where and by whom it is opened; nor may it refer
 * to an object that is not there yet.
 */
function checkSteady(view) {
  for (const [number, one] of view.objects) {
    const place = `pdf object ${number}`;
    const waiting = [one.value instanceof Stream ? one.value.entries : one.value];
    while (waiting.length > 0) {
      const value = waiting.pop();
      if (value instanceof Ref && !view.objects.has(value.number)) {
        throw new InvalidInput(
          place, `refers to object ${value.number}, which is not there`, "引用了不存在的对象");
      }
      if (value instanceof Map) {
        const name = CHANGING.find((one_) => value.has(one_));
        if (name !== undefined) {
          throw new InvalidInput(
            place, `${name} is not used in certificates`, "含有可使显示内容变化的项");
        }
        value.forEach((item) => waiting.push(item));
      } else if (Array.isArray(value)) {
        value.forEach((item) => waiting.push(item));
      }
    }
  }
}

/**
 * Check all revisions behind the seal's: see `checkLater`.
 * @returns how many there are.
 * @throws {InvalidInput} one of them changed something that was sealed.
 */
export function checkRevisions({ file, seal, views }) {
  for (let number = seal.revision + 1; number < views.length; number += 1) {
    checkPlain(file.data, file.revisions[number], `revision ${number + 1}`);
    checkLater(views[number - 1], views[number], `revision ${number + 1}`);
  }
  return views.length - seal.revision - 1;
}

/**
 * A reader that takes a file for broken looks for objects and trailers wherever their words stand:
 * none may stand inside a stream or a string that was added after the seal.
 */
function checkPlain(data, revision, place) {
  const added = binaryText(data.subarray(revision.start, revision.end));
  const headers = (added.match(HEADER) ?? []).length;
  const trailers = added.split("trailer").length - 1;
  if (headers !== revision.plain || trailers !== (revision.table ? 1 : 0)) {
    throw new InvalidInput(
      place, "holds an object or a trailer inside a stream or a string", "流或字符串中夹带了对象或文件尾");
  }
}
