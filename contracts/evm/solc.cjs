#!/usr/bin/env node
// The compiler of npm (wasm, nothing to download) as the command that forge, halmos and slither call.
// It answers --version, --standard-json (input on stdin) and --combined-json; imports that the input
// does not bring are looked for below --base-path and --include-path. scripts/install-contract-tools
// puts it beside the compiler.
"use strict";
const fs = require("fs");
const path = require("path");

// The compiler's own module throws what nobody caught once more, with all of its source.
const listeners = process.listeners("uncaughtException");
const solc = require("solc");
process.removeAllListeners("uncaughtException");
for (const listener of listeners) process.on("uncaughtException", listener);

const LISTS = { "--allow-paths": 1, "--include-path": 1 };
const VALUES = { "--base-path": 1, "--combined-json": 1, "--evm-version": 1, "--optimize-runs": 1, ...LISTS };
const FLAGS = { "--version": 1, "--standard-json": 1, "--optimize": 1, "--via-ir": 1, "--pretty-json": 1 };
const COMBINED = {
  abi: "abi",
  asm: "evm.legacyAssembly",
  ast: "ast",
  bin: "evm.bytecode.object",
  "bin-runtime": "evm.deployedBytecode.object",
  devdoc: "devdoc",
  hashes: "evm.methodIdentifiers",
  metadata: "metadata",
  srcmap: "evm.bytecode.sourceMap",
  "srcmap-runtime": "evm.deployedBytecode.sourceMap",
  userdoc: "userdoc",
};

function fail(message) {
  process.stderr.write(`Error: ${message}\n`);
  process.exitCode = 1;
}

function read(words) {
  const given = { files: [], includes: [], remappings: [] };
  for (let i = 0; i < words.length; i++) {
    const [name, joined] = words[i].startsWith("--") ? words[i].split(/=(.*)/s) : [words[i]];
    if (name in VALUES) {
      const value = joined ?? words[++i];
      if (name === "--include-path") given.includes.push(value);
      else given[name] = value;
    } else if (name in FLAGS) given[name] = true;
    else if (name.startsWith("-") && name !== "-") throw new Error(`unknown option ${name}`);
    else if (name.includes("=")) given.remappings.push(name);
    else if (name !== "-") given.files.push(name);
  }
  return given;
}

function importer(given) {
  const roots = [given["--base-path"] ?? "", ...given.includes];
  return (name) => {
    for (const root of roots) {
      const file = path.join(root, name);
      if (fs.existsSync(file)) return { contents: fs.readFileSync(file, "utf8") };
    }
    return { error: `${name} is not there` };
  };
}

function compile(input, given) {
  return JSON.parse(solc.compile(JSON.stringify(input), { import: importer(given) }));
}

function member(value, dotted) {
  return dotted.split(".").reduce((inner, name) => inner?.[name], value);
}

function combined(given) {
  const wanted = given["--combined-json"].split(",").filter((name) => name in COMBINED);
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(
      given.files.map((file) => [file, { content: fs.readFileSync(file, "utf8") }]),
    ),
    settings: {
      remappings: given.remappings,
      optimizer: { enabled: "--optimize" in given, runs: Number(given["--optimize-runs"] ?? 200) },
      outputSelection: {
        "*": { "": ["ast"], "*": wanted.filter((name) => name !== "ast").map((name) => COMBINED[name]) },
      },
    },
  };
  if ("--via-ir" in given) input.settings.viaIR = true;
  if ("--evm-version" in given) input.settings.evmVersion = given["--evm-version"];
  const output = compile(input, given);
  for (const found of output.errors ?? []) process.stderr.write(`${found.formattedMessage}\n`);
  if ((output.errors ?? []).some((found) => found.severity === "error")) return fail("not compiled");
  const answer = { contracts: {}, sources: {}, sourceList: [], version: solc.version() };
  for (const [file, source] of Object.entries(output.sources).sort((a, b) => a[1].id - b[1].id)) {
    answer.sources[file] = { AST: source.ast };
    answer.sourceList.push(file);
    for (const [name, contract] of Object.entries(output.contracts?.[file] ?? {}))
      answer.contracts[`${file}:${name}`] = Object.fromEntries(
        wanted.filter((item) => item !== "ast").map((item) => [item, member(contract, COMBINED[item])]),
      );
  }
  process.stdout.write(JSON.stringify(answer));
}

try {
  const given = read(process.argv.slice(2));
  // Never process.exit: it would cut off what a pipe has not taken yet.
  if ("--version" in given)
    process.stdout.write(
      "solc, the solidity compiler commandline interface\n" +
        `Version: ${solc.version().replace("Emscripten.clang", "Linux.g++")}\n`,
    );
  else if ("--standard-json" in given) {
    const text = fs.readFileSync(given.files[0] ?? 0, "utf8");
    process.stdout.write(JSON.stringify(compile(JSON.parse(text), given)));
  } else if ("--combined-json" in given) combined(given);
  else fail("one of --version, --standard-json, --combined-json is needed");
} catch (error) {
  fail(error.message);
}
