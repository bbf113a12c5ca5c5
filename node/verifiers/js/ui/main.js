/**
 * The page: files are chosen or dropped, verified, and the report is shown in either language.
 *
 * It keeps one state, and draws everything anew from it; no text of a file becomes HTML. What is
 * asked of it is done one thing behind the other, and a result that something newer was asked
 * behind is never shown: it would stand beside files that it is not of.
 */

import { element, foreign } from "./elements.js";
import { FileRefused, readFile } from "./files.js";
import { verifyFiles } from "./outcome.js";
import { reportOf } from "./report.js";
import { sentence } from "./texts.js";

const state = {
  language: "zh", evidence: null, trust: null, outcome: null, refused: null, doing: "", asked: 0,
};
let last = Promise.resolve();

function place(id) {
  return document.getElementById(id);
}

function say(name, ...values) {
  return sentence(state.language, name, ...values);
}

function draw() {
  document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
  document.title = say("title");
  place("title").textContent = say("title");
  const switcher = place("language");
  switcher.textContent = say("other");
  switcher.lang = state.language === "zh" ? "en" : "zh-CN";
  const version = document.querySelector("meta[name=generator]").content.split(" ").pop();
  place("foot").textContent = say("foot", version);
  drawChooser();
  drawResult();
  tellDoing(state.doing);
}

/** Say what is going on, or with "" nothing, to those who do not see it too. */
function tellDoing(name) {
  state.doing = name;
  place("waiting").textContent = name === "" ? "" : say(name);
}

function drawChooser() {
  const chooser = place("chooser");
  const fields = element("fieldset", {}, element("legend", {}, say("choose")),
    ...chosenFile("evidence", ".json,.pdf,application/json,application/pdf"),
    ...chosenFile("trust", ".json,application/json"),
    element("p", { class: "soft", id: "trust-hint" }, say("trustHint")),
    element("div", { class: "actions" }, element("button", { type: "submit" }, say("verify"))));
  chooser.replaceChildren(element("p", {}, say("intro")), fields);
  if (globalThis.crypto?.subtle === undefined) {
    chooser.append(element("p", { class: "note wait" }, element("span", {}, say("insecure"))));
  }
}

/** The label and input of a file, and which one is chosen at present. */
function chosenFile(name, accept) {
  const input = element("input", {
    type: "file", id: name, accept, "aria-describedby": name === "trust" ? "trust-hint" : false,
  });
  input.addEventListener("change", () => ask(() => chooseAs(name, [...input.files])));
  const parts = [element("label", { for: name }, say(name)), input];
  if (state[name] !== null) {
    parts.push(element("p", { class: "soft", id: `${name}-chosen` }, "→ ", foreign(state[name].name)));
  }
  return parts;
}

function drawResult() {
  const parts = [];
  if (state.refused !== null) {
    parts.push(refusal(state.refused));
  }
  if (state.outcome !== null) {
    const print = element("button", { type: "button", class: "plain" }, say("print"));
    print.addEventListener("click", () => globalThis.print());
    parts.push(...reportOf(state.outcome, state.language),
      element("div", { class: "actions" }, print));
  }
  place("result").replaceChildren(...parts);
}

function refusal({ text, values }) {
  const shown = element("div", { class: "note bad", role: "alert", id: "refused" },
    element("p", {}, foreign(say(text, ...values))));
  if (text === "badTrust" && values.length > 0) {
    shown.append(element("p", {}, foreign(values[state.language === "zh" ? 1 : 0])));
  }
  return shown;
}

/** Take what an input holds for `name`; one without a file leaves what was chosen before. */
async function chooseAs(name, files) {
  if (files.length > 0) {
    forget();
    state[name] = null; // what cannot be read must not leave the file before it in its place
    state[name] = await readFile(files[0]);
    draw();
    place(name).focus();
  }
}

/** Take dropped files, each for what it seems to be, and verify as soon as that is possible. */
async function chooseDropped(files, turn) {
  forget();
  const before = state.evidence;
  state.evidence = null;
  const read = await Promise.all(files.map(readFile));
  const trusts = read.filter(({ kind }) => kind === "trust");
  const others = read.filter(({ kind }) => kind !== "trust");
  if (trusts.length > 1 || others.length > 1) {
    throw new FileRefused("tooMany");
  }
  state.evidence = others[0] ?? before;
  state.trust = trusts[0] ?? state.trust;
  draw();
  if (state.evidence !== null && (state.trust !== null || state.evidence.kind === "certificate")) {
    await verify(turn);
  }
}

function forget() {
  state.outcome = null;
  state.refused = null;
  tellDoing("");
  place("fault").hidden = true;
}

/** Verify what is chosen; `turn` is that of whoever asked. */
async function verify(turn) {
  forget();
  drawResult();
  if (state.evidence === null) {
    throw new FileRefused("noEvidence");
  }
  tellDoing("waiting");
  await painted();
  let outcome;
  try {
    outcome = await verifyFiles(state.evidence, state.trust);
  } finally {
    tellDoing("");
  }
  if (turn !== state.asked) {
    return;
  }
  state.outcome = outcome;
  drawResult();
  tellDoing("done");
  place("verdict").focus();
}

/** Until the browser has shown what was drawn; a page in the background is not waited for. */
function painted() {
  return new Promise((resolve) => {
    if (document.visibilityState === "visible") {
      requestAnimationFrame(() => setTimeout(resolve));
    } else {
      setTimeout(resolve);
    }
  });
}

/** Run `work(turn)` behind what was asked for before it. */
function ask(work) {
  state.asked += 1;
  const turn = state.asked;
  last = last.then(() => guarded(() => work(turn)));
}

/** Run what somebody asked for; what goes wrong is told, whatever it is. */
async function guarded(work) {
  try {
    await work();
  } catch (error) {
    if (error instanceof FileRefused) {
      state.refused = error;
      draw();
    } else {
      tellFault(error);
    }
  }
}

/** A fault of the program: no result stays on the page. */
function tellFault(error) {
  state.outcome = null;
  place("result").replaceChildren();
  tellDoing("");
  const text = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error);
  const fault = place("fault");
  fault.replaceChildren(element("div", { class: "note bad" },
    element("p", {}, say("fault")), element("p", {}, foreign(text))));
  fault.hidden = false;
}

function openAllDetails() {
  for (const details of document.querySelectorAll("details")) {
    details.open = true;
  }
}

function listenForDrops() {
  const root = document.documentElement;
  root.addEventListener("dragover", (event) => {
    event.preventDefault();
    root.classList.add("over");
  });
  root.addEventListener("dragleave", () => root.classList.remove("over"));
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("over");
    const files = [...event.dataTransfer.files];
    ask((turn) => chooseDropped(files, turn));
  });
}

function start() {
  globalThis.addEventListener("error", (event) => tellFault(event.error ?? event.message));
  globalThis.addEventListener("unhandledrejection", (event) => tellFault(event.reason));
  globalThis.addEventListener("beforeprint", openAllDetails);
  listenForDrops();
  place("chooser").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(verify);
  });
  place("language").addEventListener("click", () => {
    state.language = state.language === "zh" ? "en" : "zh";
    draw();
  });
  draw();
  for (const id of ["chooser", "language"]) {
    place(id).hidden = false;
  }
  place("unsupported").hidden = true;
}

start();
