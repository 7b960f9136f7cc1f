// The page: what is open, what is done to it, and what runs.

import { get, onConnection, post, touch } from "./api.js";
import { apply, changeOf } from "./bits.js";
import { List } from "./list.js";
import { Panel } from "./panel.js";
import { Picture } from "./picture.js";
import { Pointer } from "./pointer.js";
import { Regions } from "./regions.js";
import { addButtons, COMMANDS, HISTORY, KEYS, TOOLS } from "./toolbox.js";
import { View } from "./view.js";
import { duration, Watch } from "./watch.js";

const at = (id) => document.getElementById(id);
const BUSY_MS = 800;
const QUIET_MS = 3000;

const settings = {
  tool: "point",
  mode: "here",
  /** Of the brush, in px of the picture; the slider goes from half a px to 200, finer where it is small. */
  radius: () => 0.5 + (at("size").value / 100) ** 2 * Math.max((view.picture?.height ?? 400) / 4, 20),
};
const view = new View(at("stage"));
const list = new List((name) => open(name));
const panel = new Panel(view, {
  chosen: (index) => act({ do: { kind: "alternative", index } }),
  part: () => partOf(now),
  find: () => now && begin("stability", partOf(now)),
});
const pointer = new Pointer(view, settings, { act: (action) => act({ do: action }), moved: tellPlace, taken: tell });
const watch = new Watch({ stop: () => begin("stop"), changed: () => now || list.current || emptyNotice() });

let now = null; // what is open: name, slice, revision, …
let desk = null;
let queue = Promise.resolve();
let waiting = 0;
let opening = 0; // the number of the last image that was asked for, and of the one that is there
let opened = 0;
let lastJob = "";

const partOf = (one) => (one.slice === null ? { name: one.name } : { name: one.name, slice: one.slice });

// What the page says

function tell(text) {
  at("told").textContent = "";
  requestAnimationFrame(() => (at("told").textContent = text));
}

function toast(text, words = null, then = null) {
  at("toast-words").textContent = text;
  at("toast-act").hidden = !words;
  at("toast-act").textContent = words ?? "";
  at("toast-act").onclick = () => {
    at("toast").hidden = true;
    then?.();
  };
  at("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (at("toast").hidden = true), 12_000);
  tell(text);
}

function notice(title, text = "", kind = "") {
  const box = at("notice");
  box.className = title ? `on ${kind}` : "";
  const inner = document.createElement("div");
  const strong = document.createElement("strong");
  strong.textContent = title;
  inner.append(strong, text);
  box.replaceChildren(inner);
}

function tellPlace(place) {
  if (!place || !view.isOn(...place)) {
    at("cursor").textContent = "";
    return;
  }
  const [row, column] = place.map(Math.floor);
  const { factor, unit, step } = view.picture;
  const values = view.picture.at(row, column).map((value) => (step < 1 ? value.toFixed(3) : Math.round(value)));
  at("cursor").textContent =
    `row ${row * factor}, column ${column * factor} · ${values.join(", ")}${unit ? ` ${unit}` : ""} · ` +
    `${Math.round((view.scale / factor) * 100)} %`;
}

function tellSaved(text) {
  at("saved").textContent = text;
}

// What is open

async function open(name, slice = null, { keepsView = false } = {}) {
  const mine = ++opening;
  await queue;
  list.current = name;
  list.draw();
  at("list").classList.remove("open");
  at("open-list").setAttribute("aria-expanded", "false");
  if (!keepsView) notice("Opening …", name, "busy");
  pointer.giveUp();
  try {
    const shown = await get("case", slice === null ? { name } : { name, slice });
    const part = partOf(shown);
    const isSame = keepsView && now && now.name === name && now.slice === shown.slice;
    const picture = isSame ? view.picture : await Picture.load(shown.picture, part);
    const change = await changeOf(shown.mask);
    if (mine !== opening) return;
    now = shown;
    view.show(picture, keepsView);
    view.mask.fill(0);
    apply(change, view.mask, picture.width);
    view.drawMask();
    notice("");
    const row = list.get(name);
    if (!isSame) {
      pointer.regions = null;
      if (!keepsView) setMode(row?.many ? "more" : "here");
      panel.open(shown, row);
      getReady(mine, part, picture);
    }
    panel.know(shown.tries);
    showSlices();
    update(shown);
    at("case-name").textContent = name;
    document.title = `${name} · msformer`;
    location.hash = encodeURIComponent(name);
    tellSaved("");
    opened = mine;
    if (!keepsView) tell(`${name} is open, ${row ? stateOf(row) : ""}`);
  } catch (error) {
    if (mine !== opening) return;
    opened = mine;
    now = null;
    view.clear();
    update(null);
    notice("This image cannot be opened", error.message, "error");
    tell(`${name} cannot be opened: ${error.message}`);
  }
}

const stateOf = (row) => (row.state === "untouched" ? "not looked at" : row.state);

/** What the first click and the regions need is looked at once the picture is there. */
async function getReady(mine, part, picture) {
  try {
    await touch("warm", part);
    if (mine !== opening) return;
    const said = await get("regions", part);
    if (mine === opening) pointer.regions = new Regions(said, picture);
  } catch {
    // the click itself will say what is wrong
  }
}

function showSlices() {
  const { slices, slice, touched } = now;
  at("slices").hidden = slices.length < 2;
  if (slices.length < 2) return;
  at("slice").max = slices.length - 1;
  at("slice").value = slices.indexOf(slice);
  at("slice").setAttribute("aria-valuetext", `slice ${slice}`);
  at("slice-words").textContent =
    `${slices.indexOf(slice) + 1} of ${slices.length}` + (touched.includes(slice) ? ", corrected" : "");
}

function toSlice(index) {
  if (!now || now.slices.length < 2) return;
  const number = now.slices[Math.min(Math.max(index, 0), now.slices.length - 1)];
  if (number !== now.slice) open(now.name, number, { keepsView: true });
}

// What is done to it

function act(what) {
  if (!now) return queue;
  const target = now;
  if (what.do) at("hint").textContent = "";
  waiting++;
  tellSaved("saving …");
  queue = queue.then(() => send(target, what)).finally(() => {
    waiting--;
    if (waiting === 0 && !pointer.path) view.clearStroke();
  });
  return queue;
}

async function send(target, what) {
  if (now !== target) return;
  try {
    const answer = await post("act", { ...partOf(target), based_on: target.revision, act: what });
    await take(target, answer);
    if (!what.verdict) tell(`${wordsOf(what, answer)}. The mask has ${answer.pixels} pixels.`);
    tellSaved("saved");
  } catch (error) {
    if (error.status === 409) {
      toast("This mask was changed in another window. It is shown as it is now; your last step was not added.");
      await reload();
    } else {
      toast(error.status ? error.message : "msformer does not answer; the last step is not saved");
      if (error.status === 507 || error.status >= 500) await reload();
    }
    tellSaved(error.status === 0 ? "not saved" : "");
  }
}

const wordsOf = (what, answer) =>
  what.undo ? "Taken back" : what.redo ? "Done again" : `Done: ${answer.undoes ?? "nothing"}`;

async function take(target, answer) {
  const { picture } = view;
  if (answer.mask) {
    view.mask.fill(0);
    apply(await changeOf(answer.mask), view.mask, picture.width);
    view.drawMask();
  } else {
    const change = await changeOf(answer.change);
    apply(change, view.mask, picture.width);
    view.drawMask(change.top, change.left, change.height, change.width);
  }
  Object.assign(target, answer);
  if (target.slices.length && answer.steps && !target.touched.includes(target.slice)) target.touched.push(target.slice);
  showSlices();
  update(target);
}

/** Show the mask as the program has it. */
async function reload() {
  const { name, slice } = now;
  const shown = await get("case", partOf({ name, slice }));
  if (!now || now.name !== name || now.slice !== slice) return;
  now = shown;
  view.mask.fill(0);
  apply(await changeOf(shown.mask), view.mask, view.picture.width);
  view.drawMask();
  panel.know(shown.tries);
  update(shown);
}

async function judge(verdict) {
  if (!now) return;
  const { name } = now;
  await act({ verdict });
  if (!now || now.name !== name || now.verdict !== verdict) return;
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

function update(state) {
  for (const [id, key, word] of [["undo", "undoes", "Undo"], ["redo", "redoes", "Redo"]]) {
    const button = at(`tool-${id}`);
    const what = state?.[key] ?? null;
    button.disabled = what === null;
    const label = button.querySelector("span");
    label.textContent = word;
    if (what) {
      const small = document.createElement("small");
      small.className = "what";
      small.textContent = what;
      label.append(small);
    }
    button.setAttribute("aria-label", what ? `${word}: ${what}` : word);
  }
  for (const id of ["accept", "reject"]) {
    const is = state?.verdict === `${id}ed`;
    at(id).setAttribute("aria-pressed", String(is));
    at(id).disabled = !state;
  }
  at("accept").textContent = state?.verdict === "accepted" ? "✓ Accepted" : "✓ Accept";
  at("reject").textContent = state?.verdict === "rejected" ? "✗ Rejected" : "✗ Reject";
  panel.update(state ?? { offer: null, verdict: "open", steps: 0 });
}

function setTool(id) {
  settings.tool = id;
  at("hint").textContent = TOOLS.find((tool) => tool.id === id).help;
  pointer.giveUp();
  for (const tool of TOOLS) at(`tool-${tool.id}`).setAttribute("aria-pressed", String(tool.id === id));
  at("size-box").hidden = id !== "brush" && id !== "eraser";
  at("pointing").hidden = id !== "point" && id !== "box";
  at("live").style.cursor = { pan: "grab", brush: "none", eraser: "none" }[id] ?? "crosshair";
  tellSize();
  if (id === "region" && !pointer.regions) tell("regions are still being looked for");
}

function setMode(mode) {
  settings.mode = mode;
  at("one").setAttribute("aria-pressed", String(mode === "here"));
  at("several").setAttribute("aria-pressed", String(mode === "more"));
}

function tellSize() {
  at("size-words").textContent = `${Math.round(settings.radius() * 2)} px`;
}

function resizeBrush(step) {
  if (settings.tool === "region") pointer.regions?.walk(step > 0 ? 1 : -1);
  else at("size").value = Number(at("size").value) + step;
  tellSize();
  pointer.paint();
}

function command(id) {
  if (id === "undo") act({ undo: true });
  else if (id === "redo") act({ redo: true });
  else if (id === "smooth") act({ do: { kind: "smooth", width: Math.max(view.picture.height * view.picture.factor / 300, 1) } });
  else act({ do: { kind: id } });
}

// What runs

async function teach() {
  await queue;
  await begin("learn");
}

async function begin(what, body = {}) {
  try {
    desk.job = await post(what, body);
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
  watch.update(job, Boolean(now || list.current));
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
    if (now) reload();
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
    const said = await get("desk");
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
  const row = now ? list.get(now.name) : null;
  if (!now && !list.current) {
    const first = list.get(asked) ?? list.get(desk.last) ?? list.shown.find((one) => one.state === "untouched") ?? list.shown.find((one) => !one.failed);
    if (first) await open(first.name);
    else emptyNotice();
  } else if (row && waiting === 0 && !pointer.path) {
    if (now.number !== undefined && row.number !== now.number) await open(now.name, now.slice, { keepsView: true });
    else if ((!now.slices.length && row.revision !== now.revision) || row.given !== now.given) {
      const { revision } = now;
      await reload();
      if (now && now.revision !== revision) toast("This mask was changed in another window or by another program. It is shown as it is now.");
    }
    if (now) now.number = row.number;
  }
}

function emptyNotice() {
  const job = desk.job;
  if (watch.isOpen) notice("");
  else if (job?.status === "running") notice("Finding the objects …", "The first image appears as soon as it is done.", "busy");
  else if (job?.status === "failed") notice("No image could be segmented", job.line, "error");
  else if (job?.status === "stopped") notice("Stopped before the first image was done", "Segment the rest goes on.");
  else notice("There is nothing here yet", "Start msformer app with a folder of images.");
}

// Keys

const TYPING = "input:not([type=range]):not([type=checkbox]), select, textarea";

function key(event) {
  if (document.querySelector("dialog[open]") || event.target.matches(TYPING)) return;
  const isControl = event.ctrlKey || event.metaKey;
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (isControl) {
    if (letter === "z" && !event.shiftKey) command("undo");
    else if (letter === "y" || letter === "z") command("redo");
    else return;
    event.preventDefault();
    return;
  }
  if (event.altKey) return;
  const isSlider = event.target.matches("input[type=range]");
  const isButton = event.target.matches("button, summary, input[type=checkbox]");
  if (isSlider && event.key.startsWith("Arrow")) return;
  if (isButton && (letter === " " || letter === "Enter")) return;
  const done = {
    a: () => judge("accepted"),
    r: () => judge("rejected"),
    u: () => judge("open"),
    ArrowRight: () => step(1),
    ArrowDown: () => step(1),
    ArrowLeft: () => step(-1),
    ArrowUp: () => step(-1),
    PageUp: () => toSlice(now ? now.slices.indexOf(now.slice) + 1 : 0),
    PageDown: () => toSlice(now ? now.slices.indexOf(now.slice) - 1 : 0),
    " ": () => hide(true),
    "1": () => panel.chosen(0),
    "2": () => panel.chosen(1),
    "3": () => panel.chosen(2),
    "[": () => resizeBrush(-5),
    "]": () => resizeBrush(5),
    "+": () => view.zoom(1.25),
    "=": () => view.zoom(1.25),
    "-": () => view.zoom(0.8),
    "0": () => view.fit(),
    v: () => turnLook(),
    c: () => at("show-clusters").click(),
    s: () => at("show-stability").click(),
    Escape: () => pointer.giveUp(),
    "?": () => at("keys").showModal(),
    f: () => command("fill"),
    o: () => command("smooth"),
    Delete: () => command("clear"),
    ...Object.fromEntries(TOOLS.map((tool) => [tool.key, () => setTool(tool.id)])),
  }[letter];
  if (!done || event.shiftKey && event.key.startsWith("Arrow")) return;
  if (["1", "2", "3"].includes(letter) && at("answers").hidden) return;
  event.preventDefault();
  done();
}

function step(by) {
  const next = list.beside(by);
  if (next) open(next.name);
}

function hide(is) {
  if (view.look.hidden === is) return;
  view.look.hidden = is;
  view.draw();
}

function turnLook() {
  const kinds = ["both", "outline", "fill"];
  at("look").value = kinds[(kinds.indexOf(at("look").value) + 1) % kinds.length];
  panel.overlays();
}

function fillKeys() {
  const rows = [...TOOLS, ...COMMANDS, ...HISTORY].map(({ key: one, help }) => [one.length === 1 ? one.toUpperCase() : one, help]);
  at("key-table").replaceChildren(
    ...[...KEYS, ...rows].map(([one, help]) => {
      const row = document.createElement("div");
      const name = document.createElement("kbd");
      name.textContent = one;
      const words = document.createElement("span");
      words.textContent = help;
      row.append(words, name);
      return row;
    }),
  );
}

// Beginning

const rail = at("tools");
addButtons(rail, TOOLS, setTool);
rail.append(document.createElement("hr"));
addButtons(rail, COMMANDS, command);
rail.append(document.createElement("hr"));
addButtons(rail, HISTORY, command);
fillKeys();
setTool("point");
update(null);
view.decorate = () => {
  pointer.paint();
  if (pointer.cursor) tellPlace(pointer.cursor);
};

at("one").addEventListener("click", () => setMode("here"));
at("several").addEventListener("click", () => setMode("more"));
at("size").addEventListener("input", tellSize);
at("slice").addEventListener("input", () => toSlice(Number(at("slice").value)));
at("accept").addEventListener("click", () => judge(now?.verdict === "accepted" ? "open" : "accepted"));
at("reject").addEventListener("click", () => judge(now?.verdict === "rejected" ? "open" : "rejected"));
at("previous").addEventListener("click", () => step(-1));
at("next").addEventListener("click", () => step(1));
at("teach").addEventListener("click", teach);
at("segment").addEventListener("click", () => begin("segment"));
at("job-stop").addEventListener("click", () => begin("stop"));
at("help").addEventListener("click", () => at("keys").showModal());
at("save").addEventListener("click", () => at("saving").showModal());
at("saving-close").addEventListener("click", () => at("saving").close());
at("saving-go").addEventListener("click", async () => {
  at("saving").close();
  await queue;
  begin("export", { format: at("format").value, which: at("which").value });
});
at("open-list").addEventListener("click", () => {
  const isOpen = at("list").classList.toggle("open");
  at("open-list").setAttribute("aria-expanded", String(isOpen));
});
at("toast-close").addEventListener("click", () => (at("toast").hidden = true));
document.addEventListener("keydown", key);
document.addEventListener("keyup", (event) => event.key === " " && hide(false));
window.addEventListener("blur", () => hide(false));

onConnection((is) => {
  at("banner").hidden = is === true;
  at("banner").textContent =
    is === "another"
      ? "msformer was started anew: open the address that it printed. Everything you did is saved."
      : "msformer is not running. Start it again and open the address that it prints. Everything up to your last step is saved.";
});

window.msformer = {
  view,
  pointer,
  isQuiet: () => waiting === 0 && opening === opened,
  stopLooking: () => clearTimeout(look.timer),
}; // for tests, and for whoever is curious
history.replaceState(null, "", `/${location.hash}`); // the token need not stay in the address
notice("Opening …", "", "busy");
look();
