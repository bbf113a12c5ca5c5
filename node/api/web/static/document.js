/**
 * Hashes a chosen file in the browser and looks the hash up. The file itself is not sent: nothing
 * but its SHA-256, in the address of the answer's page.
 */

import { toHex } from "./verifiers/bytes.js";
import { Sha256 } from "./verifiers/crypto/sha256.js";

/** Bytes read at a time: a file may be larger than what a phone can hold. */
const PART = 4 * 1024 * 1024;

/** The SHA-256 of `file` in hex; `tell` is given the share that is done, from 0 to 1. */
async function hashOf(file, tell) {
  const hash = new Sha256();
  for (let at = 0; at < file.size; at += PART) {
    hash.update(new Uint8Array(await file.slice(at, at + PART).arrayBuffer()));
    tell(Math.min(1, (at + PART) / file.size));
  }
  return toHex(hash.digest());
}

/** Hashes the file that was chosen, puts the hash into the form, and sends that. */
async function lookUp(form, input, state) {
  const [file] = input.files;
  if (file === undefined) {
    return;
  }
  const words = state.dataset;
  form.elements.q.value = "";
  try {
    const digest = await hashOf(file, (share) => {
      state.textContent = `${words.hashing} ${Math.floor(share * 100)}%`;
    });
    if (input.files[0] !== file) {
      return;
    }
    form.elements.q.value = digest;
    state.textContent = `${words.hashed} ${digest}`;
    form.requestSubmit();
  } catch {
    state.textContent = words.unreadable;
  }
}

/** Takes a file that is dropped on `area` as one that was chosen in `input`. */
function takeDrops(area, input) {
  area.addEventListener("dragover", (event) => event.preventDefault());
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length > 0) {
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change"));
    }
  });
}

const area = document.getElementById("choose");
const input = document.getElementById("file");
const form = document.getElementById("by-hash");
const state = document.getElementById("hash-state");
input.addEventListener("change", () => lookUp(form, input, state));
takeDrops(area, input);
area.hidden = false;
