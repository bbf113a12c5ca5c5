// Judges mutants: the first line of standard input has the bases, each [bundle, trust] in base64,
// every other one a mutant, [base, [[from, to, base64], …]]. A line is answered for each: the labels
// and statuses of all steps.

import { createInterface } from "node:readline";

const { verifyBundle } = await import(process.argv[2]);
const bytesOf = (text) => new Uint8Array(Buffer.from(text, "base64"));

function mutantOf(base, edits) {
  const parts = [];
  let at = 0;
  for (const [from, to, instead] of edits) {
    parts.push(base.subarray(at, from), bytesOf(instead));
    at = to;
  }
  parts.push(base.subarray(at));
  return new Uint8Array(Buffer.concat(parts));
}

let bases = null;
for await (const line of createInterface({ input: process.stdin })) {
  const value = JSON.parse(line);
  if (bases === null) {
    bases = value.map(([bundle, trust]) => [bytesOf(bundle), bytesOf(trust)]);
    continue;
  }
  const [base, trust] = bases[value[0]];
  let told;
  try {
    const report = await verifyBundle(mutantOf(base, value[1]), trust);
    told = report.steps.map((step) => [step.label, step.status]);
  } catch (error) {
    told = `crashed: ${error.stack}`;
  }
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
