// Calls exported functions of the JavaScript verifier for tests/builders/javascript.py.
//
// Each line on standard input is a list of calls, [module, function, arguments]; the answer is one
// line, a list with {"value"} or {"error"} for each. What JSON has no form for travels as an object
// with one member: {"$bytes": base64}, {"$bigint": decimal}, {"$lone": UTF-16 code units}.

import { createInterface } from "node:readline";

const [folder, webcrypto] = process.argv.slice(2);
if (webcrypto === "without") {
  Object.defineProperty(globalThis, "crypto", { value: undefined });
}

function revive(value) {
  if (Array.isArray(value)) {
    return value.map(revive);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (typeof value.$bytes === "string") {
    return new Uint8Array(Buffer.from(value.$bytes, "base64"));
  }
  if (typeof value.$bigint === "string") {
    return BigInt(value.$bigint);
  }
  if (Array.isArray(value.$lone)) {
    return String.fromCharCode(...value.$lone);
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, revive(item)]));
}

function plain(value) {
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value).toString("base64") };
  }
  if (typeof value === "bigint") {
    return { $bigint: String(value) };
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value instanceof Map) {
    return [...value].map(plain);
  }
  if (value instanceof Set) {
    return [...value].map(plain);
  }
  if (typeof value !== "object" || value === null) {
    return value === undefined ? null : value;
  }
  // Not by assignment: a member may be called __proto__.
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

async function answer([module, name, given]) {
  try {
    const exported = await import(new URL(module, folder));
    return { value: plain(await exported[name](...given.map(revive))) };
  } catch (error) {
    const { place = null, rule = null, ruleZh = null, text = null, textZh = null } = error;
    return { error: { name: error.name, message: String(error.stack), place, rule, ruleZh, text, textZh } };
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const answers = [];
  for (const call of JSON.parse(line)) {
    answers.push(await answer(call));
  }
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
