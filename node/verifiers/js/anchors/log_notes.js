/**
 * Checkpoints of other people's logs: C2SP tlog-checkpoint as signed notes, by the log's key and by
 * witnesses (C2SP signed-note, tlog-cosignature). Mirrors node/core/anchors/log_notes.py and, of
 * notes, node/core/checkpoint.py.
 */

import { concat, decodeUtf8, fromBase64, toBase64, toHex, utf8 } from "../bytes.js";
import { bytesToNumber } from "../crypto/numbers.js";
import { sha256 } from "../crypto/sha256.js";
import { checkEd25519Key, verifyEd25519, verifyEs256 } from "../crypto/signatures.js";
import { InvalidInput } from "../errors.js";
import { rawSignature, readP256Spki } from "./key_forms.js";
import { movedTo } from "./public_keys.js";

const ED25519 = 1;
const ECDSA = 2;

/** The first byte of a witness' verifier key. */
export const COSIGNATURE = 4;

const MAX_NOTE = 64 * 1024;
const LAST_SECOND = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / 1000) - 1);
const DASH = "\u2014 ";
// White space as Unicode has it: written out, since \s differs between languages.
const NAME_CHARACTER =
  "[^\\u0000-\\u0020+\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const NAME = new RegExp(`^${NAME_CHARACTER}+$`, "u");
const KEY_NAME = new RegExp(`^${NAME_CHARACTER}{1,200}$`, "u");
const SIZE = /^[1-9][0-9]{0,15}$/;
const KEY_ID = /^[0-9a-f]{8}$/;

/**
 * A key that signs notes under `name`. `kind` is the first byte of its verifier key, 1 Ed25519, 2
 * ECDSA, 4 a witness' Ed25519; `key` 32 bytes, or a SubjectPublicKeyInfo.
 */
export class LogKey {
  constructor(name, kind, key) {
    this.name = name;
    this.kind = kind;
    this.key = key;
    const material = concat(utf8(`${name}\n`), Uint8Array.of(kind), key);
    this.id = sha256(kind === ECDSA ? key : material).subarray(0, 4);
  }

  /** Name and id: what a signature line is found by. */
  get signer() {
    return signerOf(this.name, this.id);
  }

  /** The key as text: `<name>+<id, hex>+<base64 of kind ‖ key>`. */
  verifierKey() {
    return `${this.name}+${toHex(this.id)}+${toBase64(concat(Uint8Array.of(this.kind), this.key))}`;
  }
}

/** Name and key id in one text; names hold no control characters. */
function signerOf(name, keyId) {
  return `${name}\n${toHex(keyId)}`;
}

/** Decode a verifier key. */
export function parseLogKey(text, place) {
  const [name, keyId] = text.split("+", 2);
  if (keyId === undefined || text.split("+").length < 3 || !KEY_NAME.test(name)
      || !KEY_ID.test(keyId)) {
    throw new InvalidInput(
      place, "must be <name>+<key id>+<base64>", "须为 <名称>+<公钥标识>+<base64>");
  }
  const raw = fromBase64(text.slice(name.length + keyId.length + 2), place);
  if (raw[0] === ECDSA) {
    readP256Spki(raw.subarray(1), place);
  } else if (raw[0] === ED25519 || raw[0] === COSIGNATURE) {
    checkEd25519Key(raw.subarray(1), place);
  } else {
    throw new InvalidInput(
      place,
      "must be an Ed25519, ECDSA P-256 or cosignature key",
      "须为 Ed25519、ECDSA P-256 或联署公钥",
    );
  }
  const key = new LogKey(name, raw[0], raw.subarray(1));
  if (key.verifierKey() !== text) {
    throw new InvalidInput(
      place, "its key id is not that of its key", "公钥标识与公钥不符");
  }
  return key;
}

/**
 * Decode a checkpoint: origin, size and root, no extension lines; nothing signed is checked.
 *
 * @returns `{text, origin, size, root, signatures}`; `signatures` is a Map by the signer.
 * @throws {InvalidInput} malformed, or a line of one key stands twice.
 */
export function readLogNote(note, place) {
  const [text, lines] = splitNote(note, place);
  const read = lines.map((line) => readSignatureLine(line, place));
  const signatures = new Map(read.map(({ signer, signature }) => [signer, signature]));
  const body = text.split("\n");
  if (body.length !== 4 || body[3] !== "") {
    throw new InvalidInput(
      place, "must have three lines: origin, size and root", "须为三行：来源、大小与根");
  }
  const [origin, size, root] = body;
  if (!KEY_NAME.test(origin) || !SIZE.test(size) || !Number.isSafeInteger(Number(size))) {
    throw new InvalidInput(
      place, "its origin or its size is malformed", "来源或大小的格式不符");
  }
  const decoded = fromBase64(root, place);
  if (decoded.length !== 32) {
    throw new InvalidInput(place, "its root must have 32 bytes", "根须为 32 字节");
  }
  if (signatures.size !== lines.length) {
    throw new InvalidInput(place, "a key has signed it twice", "同一公钥签名两次");
  }
  return { text, origin, size: Number(size), root: decoded, signatures };
}

/** A note's text, with its last newline, and its signature lines. */
function splitNote(note, place) {
  if (note.length > MAX_NOTE) {
    throw new InvalidInput(
      place, `at most ${MAX_NOTE} bytes are allowed`, `不得超过 ${MAX_NOTE} 字节`);
  }
  const whole = decodeUtf8(note, place);
  const end = whole.lastIndexOf("\n\n");
  const lines = whole.slice(end + 2).split("\n");
  if (end < 0 || lines.length < 2 || lines.pop() !== "") {
    throw new InvalidInput(
      place, "must be text, an empty line, and signature lines", "须为文本、空行与签名行");
  }
  return [`${whole.slice(0, end)}\n`, lines];
}

/** The signer on a signature line, and the signature. */
function readSignatureLine(line, place) {
  const space = line.indexOf(" ", DASH.length);
  const name = line.slice(DASH.length, Math.max(space, DASH.length));
  const refused = new InvalidInput(
    place,
    "a signature line must be an em dash, a name and base64, with a space between",
    "签名行须为破折号、名称与 base64，以空格相隔",
  );
  if (space < 0 || !line.startsWith(DASH) || !NAME.test(name)) {
    throw refused;
  }
  const raw = fromBase64(line.slice(space + 1), place);
  if (raw.length < 5) {
    throw refused;
  }
  return { signer: signerOf(name, raw.subarray(0, 4)), signature: raw.subarray(4) };
}

/**
 * Check that the log has signed its checkpoint.
 *
 * @throws {InvalidInput} it has not, the signature does not hold, or the checkpoint is another's.
 */
export async function checkLogSignature(checkpoint, key, place) {
  if (checkpoint.origin !== key.name) {
    throw new InvalidInput(
      place, `is of the log ${checkpoint.origin}, not of ${key.name}`, "属于另一透明日志");
  }
  const signature = signatureOf(checkpoint, key, place);
  const message = utf8(checkpoint.text);
  try {
    if (key.kind === ECDSA) {
      await verifyEs256(readP256Spki(key.key, place), message, rawSignature(signature, place));
    } else {
      await verifyEd25519(key.key, message, signature);
    }
  } catch (error) {
    throw error instanceof InvalidInput
      ? movedTo(error, place, `signature of ${key.name}: `, `${key.name} 的签名：`) : error;
  }
}

/**
 * Check a witness' cosignature (C2SP tlog-cosignature): over a header with the time, and the note's
 * text.
 *
 * @returns the end of the second that it names, in ms.
 * @throws {InvalidInput} it has not signed, or its signature does not hold.
 */
export async function checkCosignature(checkpoint, witness, place) {
  const signature = signatureOf(checkpoint, witness, place);
  const before = `cosignature of ${witness.name}: `;
  if (signature.length !== 72) {
    throw new InvalidInput(place, `${before}must have 72 bytes`, `${witness.name} 的联署须为 72 字节`);
  }
  const seconds = bytesToNumber(signature.subarray(0, 8));
  if (seconds === 0n || seconds > LAST_SECOND) {
    throw new InvalidInput(place, `${before}names no time`, `${witness.name} 的联署未写明时间`);
  }
  const message = utf8(`cosignature/v1\ntime ${seconds}\n${checkpoint.text}`);
  try {
    await verifyEd25519(witness.key, message, signature.subarray(8));
  } catch (error) {
    throw error instanceof InvalidInput ? movedTo(error, place, before, `${witness.name} 的联署：`) : error;
  }
  return Number(seconds) * 1000 + 999;
}

function signatureOf(checkpoint, key, place) {
  const signature = checkpoint.signatures.get(key.signer);
  if (signature === undefined) {
    throw new InvalidInput(
      place, `${key.name} (${toHex(key.id)}) has not signed it`, `${key.name} 未曾签名`);
  }
  return signature;
}
