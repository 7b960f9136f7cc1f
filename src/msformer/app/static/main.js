// The page: what is open, what is done to it, and what runs.

import * as api from "./api.js";
import { Easel, partOf } from "./easel.js";
import { List } from "./list.js";
import { FOLDER_KEYS } from "./toolbox.js";
import { duration, Watch } from "./watch.js";

const at = (id) => document.getElementById(id);
const BUSY_MS = 800;
const QUIET_MS = 3000;

const list = new List((name) => open(name));
const easel = new Easel(document, api, {
  updated: showVerdict,
  took: tookIn,
  keys: FOLDER_KEYS,
  find: () => easel.now && begin("stability", partOf(easel.now)),
});
const { view, pointer } = easel;
const toast = (...words) => easel.toast(...words);
const tell = (text) => easel.tell(text);
const watch = new Watch({ stop: () => begin("stop"), changed: () => easel.now || list.current || emptyNotice() });

let desk = null;
let opening = 0; // the number of the last image that was asked for, and of the one that is there
let opened = 0;
let lastJob = "";

// What is open

async function open(name, slice = null, { keepsView = false } = {}) {
  const mine = ++opening;
  await easel.queue;
  list.current = name;
  list.draw();
  at("list").classList.remove("open");
  at("open-list").setAttribute("aria-expanded", "false");
  if (!keepsView) easel.notice("Opening …", name, "busy");
  pointer.giveUp();
  try {
    const shown = await api.get("case", slice === null ? { name } : { name, slice });
    const row = list.get(name);
    if (!(await easel.show(shown, row, { keepsView, isMeant: () => mine === opening }))) return;
    showSlices();
    at("case-name").textContent = name;
    document.title = `${name} · msformer`;
    location.hash = encodeURIComponent(name);
    easel.tellSaved("");
    opened = mine;
    if (!keepsView) tell(`${name} is open, ${row ? stateOf(row) : ""}`);
  } catch (error) {
    if (mine !== opening) return;
    opened = mine;
    easel.clear();
    easel.notice("This image cannot be opened", error.message, "error");
    tell(`${name} cannot be opened: ${error.message}`);
  }
}

const stateOf = (row) => (row.state === "untouched" ? "not looked at" : row.state);

function showSlices() {
  const { slices, slice, touched } = easel.now;
  at("slices").hidden = slices.length < 2;
  if (slices.length < 2) return;
  at("slice").max = slices.length - 1;
  at("slice").value = slices.indexOf(slice);
  at("slice").setAttribute("aria-valuetext", `slice ${slice}`);
  at("slice-words").textContent =
    `${slices.indexOf(slice) + 1} of ${slices.length}` + (touched.includes(slice) ? ", corrected" : "");
}

function toSlice(index) {
  if (!easel.now || easel.now.slices.length < 2) return;
  const number = easel.now.slices[Math.min(Math.max(index, 0), easel.now.slices.length - 1)];
  if (number !== easel.now.slice) open(easel.now.name, number, { keepsView: true });
}

// What is done to it

function tookIn(target) {
  if (target.slices.length && target.steps && !target.touched.includes(target.slice)) target.touched.push(target.slice);
  showSlices();
}

async function judge(verdict) {
  if (!easel.now) return;
  const { name } = easel.now;
  await easel.act({ verdict });
  if (!easel.now || easel.now.name !== name || easel.now.verdict !== verdict) return;
  tell(`${name} is ${verdict === "open" ? "open again" : verdict}`);
  const row = list.get(name);
  if (row && verdict !== "open") row.state = verdict;
  if (verdict === "open") {
    look();
    return;
  }
  const next = list.beside(1, "untouched");
  if (next && next.name !== name) await open(next.name);
  else {
    list.draw();
    toast("All images have been looked at.", "Teach the folder", teach);
  }
  look();
}

function showVerdict(state) {
  for (const id of ["accept", "reject"]) {
    const is = state?.verdict === `${id}ed`;
    at(id).setAttribute("aria-pressed", String(is));
    at(id).disabled = !state;
  }
  at("accept").textContent = state?.verdict === "accepted" ? "✓ Accepted" : "✓ Accept";
  at("reject").textContent = state?.verdict === "rejected" ? "✗ Rejected" : "✗ Reject";
}

// What runs

async function teach() {
  await easel.queue;
  await begin("learn");
}

async function begin(what, body = {}) {
  try {
    desk.job = await api.post(what, body);
    showJob();
  } catch (error) {
    toast(error.message[0].toUpperCase() + error.message.slice(1));
  }
  look();
}

const RUNNING = { segment: "Finding the objects", learn: "Teaching the folder", export: "Saving", stability: "Comparing tries" };

function showJob() {
  const job = desk.job;
  const isRunning = job?.status === "running";
  at("job").hidden = !isRunning;
  at("teach").disabled = isRunning;
  at("segment").disabled = isRunning;
  if (isRunning) {
    const left = job.left === null ? "" : `, about ${duration(job.left)} left`;
    const doing = job.doing ? `${job.doing} ` : "";
    const count = job.total ? `: ${doing}${job.done} of ${job.total}${left}` : job.kind === "learn" && job.line ? `: ${job.line}` : " …";
    at("job-words").textContent = job.stopping ? "Stopping …" : RUNNING[job.kind] + count;
    at("job-words").title = at("job-words").textContent;
    at("job-stop").disabled = job.stopping;
    if (job.total) at("job-bar").value = (job.done + job.share) / job.total;
    else at("job-bar").removeAttribute("value");
  }
  watch.update(job, Boolean(easel.now || list.current));
  const key = job ? `${job.kind} ${job.status} ${job.summary}` : "";
  if (key !== lastJob && job && !isRunning && lastJob.includes("running")) ended(job);
  lastJob = key;
}

function ended(job) {
  if (job.status === "failed") {
    toast(`${RUNNING[job.kind]} failed: ${job.line}`);
  } else if (job.status === "stopped") {
    toast("Stopped. What was finished is kept.", job.kind === "segment" ? "Go on" : null, () => begin("segment"));
  } else if (job.kind === "stability") {
    tell(`${job.summary}.`);
    if (easel.now) easel.reload();
  } else if (job.kind === "learn") {
    const some = desk.cases.some((one) => one.changed);
    toast(`The folder has learned: ${job.summary}.`, some ? "Show them" : null, () => {
      at("filter").value = "changed";
      list.draw();
    });
  } else {
    toast(`${job.summary}.`);
  }
}

/** Ask how things are, and again after a while. */
async function look() {
  clearTimeout(look.timer);
  try {
    const said = await api.get("desk");
    const isFirst = desk === null;
    desk = said;
    list.update(said.cases);
    if (isFirst) prepare();
    at("segment").hidden = !(said.can_segment && said.job?.status === "stopped");
    showJob();
    await follow(isFirst);
  } catch {
    // the banner says so
  }
  look.timer = setTimeout(look, desk?.job?.status === "running" ? BUSY_MS : QUIET_MS);
}

function prepare() {
  document.querySelector("h1").title = `Results: ${desk.out}`;
  if (desk.sample) toast("These pictures are made, to try things out. For yours: msformer app FOLDER");
  at("format").replaceChildren(...desk.formats.map(({ name, words }) => new Option(words, name)));
}

/** Open the first case once there is one; keep what is open as it is elsewhere. */
async function follow(isFirst) {
  const asked = isFirst ? decodeURIComponent(location.hash.slice(1)) : "";
  const row = easel.now ? list.get(easel.now.name) : null;
  if (!easel.now && !list.current) {
    const first = list.get(asked) ?? list.get(desk.last) ?? list.shown.find((one) => one.state === "untouched") ?? list.shown.find((one) => !one.failed);
    if (first) await open(first.name);
    else emptyNotice();
  } else if (row && easel.waiting === 0 && !pointer.path) {
    if (easel.now.number !== undefined && row.number !== easel.now.number) await open(easel.now.name, easel.now.slice, { keepsView: true });
    else if ((!easel.now.slices.length && row.revision !== easel.now.revision) || row.given !== easel.now.given) {
      const { revision } = easel.now;
      await easel.reload();
      if (easel.now && easel.now.revision !== revision) toast("This mask was changed in another window or by another program. It is shown as it is now.");
    }
    if (easel.now) easel.now.number = row.number;
  }
}

function emptyNotice() {
  const job = desk.job;
  if (watch.isOpen) easel.notice("");
  else if (job?.status === "running") easel.notice("Finding the objects …", "The first image appears as soon as it is done.", "busy");
  else if (job?.status === "failed") easel.notice("No image could be segmented", job.line, "error");
  else if (job?.status === "stopped") easel.notice("Stopped before the first image was done", "Segment the rest goes on.");
  else easel.notice("There is nothing here yet", "Start msformer app with a folder of images.");
}

// Keys

const OWN_KEYS = {
  a: () => judge("accepted"),
  r: () => judge("rejected"),
  u: () => judge("open"),
  ArrowRight: () => step(1),
  ArrowDown: () => step(1),
  ArrowLeft: () => step(-1),
  ArrowUp: () => step(-1),
  PageUp: () => toSlice(easel.now ? easel.now.slices.indexOf(easel.now.slice) + 1 : 0),
  PageDown: () => toSlice(easel.now ? easel.now.slices.indexOf(easel.now.slice) - 1 : 0),
  s: () => at("show-stability").click(),
};

function step(by) {
  const next = list.beside(by);
  if (next) open(next.name);
}

// Beginning

at("slice").addEventListener("input", () => toSlice(Number(at("slice").value)));
at("accept").addEventListener("click", () => judge(easel.now?.verdict === "accepted" ? "open" : "accepted"));
at("reject").addEventListener("click", () => judge(easel.now?.verdict === "rejected" ? "open" : "rejected"));
at("previous").addEventListener("click", () => step(-1));
at("next").addEventListener("click", () => step(1));
at("teach").addEventListener("click", teach);
at("segment").addEventListener("click", () => begin("segment"));
at("job-stop").addEventListener("click", () => begin("stop"));
at("save").addEventListener("click", () => at("saving").showModal());
at("saving-close").addEventListener("click", () => at("saving").close());
at("saving-go").addEventListener("click", async () => {
  at("saving").close();
  await easel.queue;
  begin("export", { format: at("format").value, which: at("which").value });
});
at("open-list").addEventListener("click", () => {
  const isOpen = at("list").classList.toggle("open");
  at("open-list").setAttribute("aria-expanded", String(isOpen));
});
document.addEventListener("keydown", (event) => easel.key(event, OWN_KEYS));
document.addEventListener("keyup", (event) => event.key === " " && easel.hide(false));
window.addEventListener("blur", () => easel.hide(false));

api.onConnection((is) => {
  at("banner").hidden = is === true;
  at("banner").textContent =
    is === "another"
      ? "msformer was started anew: open the address that it printed. Everything you did is saved."
      : "msformer is not running. Start it again and open the address that it prints. Everything up to your last step is saved.";
});

window.msformer = {
  view,
  pointer,
  isQuiet: () => easel.waiting === 0 && opening === opened,
  stopLooking: () => clearTimeout(look.timer),
}; // for tests, and for whoever is curious
history.replaceState(null, "", `/${location.hash}`); // the token need not stay in the address
easel.notice("Opening …", "", "busy");
look();
