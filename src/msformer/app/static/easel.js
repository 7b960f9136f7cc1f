// The easel: a picture with its mask, the tools, and what a hand does to it. The page and the notebook put up the same.

import { apply, changeOf } from "./bits.js";
import { Panel } from "./panel.js";
import { Picture } from "./picture.js";
import { Pointer } from "./pointer.js";
import { Regions } from "./regions.js";
import { addButtons, COMMANDS, HISTORY, KEYS, TOOLS } from "./toolbox.js";
import { View } from "./view.js";

const TYPING = "input:not([type=range]):not([type=checkbox]), select, textarea";

/** What of the folder is meant: a case, or a slice of it. */
export const partOf = (one) => (one.slice === null ? { name: one.name } : { name: one.name, slice: one.slice });

export class Easel {
  /**
   * root: the document or the shadow root that holds the markup; transport: asks the program, as api.js does;
   * updated: called with how things are after each step; took: after the mask has changed; find: see Panel; keys: what
   * the sheet of keys tells first.
   */
  constructor(root, transport, { updated = () => {}, took = () => {}, find = null, keys = [] } = {}) {
    Object.assign(this, { root, transport, updated, took });
    this.at = (id) => root.getElementById(id);
    this.now = null; // what is shown: name, slice, revision, …
    this.queue = Promise.resolve();
    this.waiting = 0;
    this.settings = {
      tool: "point",
      mode: "here",
      /** Of the brush, in px of the picture; the slider goes from half a px to 200, finer where it is small. */
      radius: () => 0.5 + (this.at("size").value / 100) ** 2 * Math.max((this.view.picture?.height ?? 400) / 4, 20),
    };
    this.view = new View(this.at("stage"));
    this.panel = new Panel(root, this.view, transport, {
      chosen: (index) => this.act({ do: { kind: "alternative", index } }),
      part: () => partOf(this.now),
      find,
    });
    this.pointer = new Pointer(this.view, this.settings, {
      act: (action) => this.act({ do: action }),
      moved: (place) => this.tellPlace(place),
      taken: (text) => this.tell(text),
    });
    this.view.decorate = () => {
      this.pointer.paint();
      if (this.pointer.cursor) this.tellPlace(this.pointer.cursor);
    };
    this.furnish(keys);
  }

  furnish(keys) {
    const { at } = this;
    const rail = at("tools");
    addButtons(rail, TOOLS, (id) => this.setTool(id));
    rail.append(document.createElement("hr"));
    addButtons(rail, COMMANDS, (id) => this.command(id));
    rail.append(document.createElement("hr"));
    addButtons(rail, HISTORY, (id) => this.command(id));
    this.fillKeys(keys);
    this.setTool("point");
    this.update(null);
    at("one").addEventListener("click", () => this.setMode("here"));
    at("several").addEventListener("click", () => this.setMode("more"));
    at("size").addEventListener("input", () => this.tellSize());
    at("help").addEventListener("click", () => at("keys").showModal());
    at("toast-close").addEventListener("click", () => (at("toast").hidden = true));
  }

  fillKeys(keys) {
    const rows = [...TOOLS, ...COMMANDS, ...HISTORY].map(({ key, help }) => [key.length === 1 ? key.toUpperCase() : key, help]);
    this.at("key-table").replaceChildren(
      ...[...keys, ...KEYS, ...rows].map(([one, help]) => {
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

  // What it says

  tell(text) {
    this.at("told").textContent = "";
    requestAnimationFrame(() => (this.at("told").textContent = text));
  }

  toast(text, words = null, then = null) {
    const { at } = this;
    at("toast-words").textContent = text;
    at("toast-act").hidden = !words;
    at("toast-act").textContent = words ?? "";
    at("toast-act").onclick = () => {
      at("toast").hidden = true;
      then?.();
    };
    at("toast").hidden = false;
    clearTimeout(this.toasted);
    this.toasted = setTimeout(() => (at("toast").hidden = true), 12_000);
    this.tell(text);
  }

  notice(title, text = "", kind = "") {
    const box = this.at("notice");
    box.className = title ? `on ${kind}` : "";
    const inner = document.createElement("div");
    const strong = document.createElement("strong");
    strong.textContent = title;
    inner.append(strong, text);
    box.replaceChildren(inner);
  }

  tellPlace(place) {
    if (!place || !this.view.isOn(...place)) {
      this.at("cursor").textContent = "";
      return;
    }
    const [row, column] = place.map(Math.floor);
    const { factor, unit, step } = this.view.picture;
    const values = this.view.picture.at(row, column).map((value) => (step < 1 ? value.toFixed(3) : Math.round(value)));
    this.at("cursor").textContent =
      `row ${row * factor}, column ${column * factor} · ${values.join(", ")}${unit ? ` ${unit}` : ""} · ` +
      `${Math.round((this.view.scale / factor) * 100)} %`;
  }

  tellSaved(text) {
    this.at("saved").textContent = text;
  }

  // What is on it

  /**
   * Show a picture and its mask; isMeant: whether that is still wanted, which is asked after waiting. Gives whether it
   * was.
   */
  async show(shown, row, { keepsView = false, isMeant = () => true } = {}) {
    const part = partOf(shown);
    const isSame = keepsView && this.now && this.now.name === shown.name && this.now.slice === shown.slice;
    const picture = isSame ? this.view.picture : await Picture.load(shown.picture, part, this.transport);
    const change = await changeOf(shown.mask);
    if (!isMeant()) return false;
    this.now = shown;
    this.view.show(picture, keepsView);
    this.lay(change);
    this.notice("");
    if (!isSame) {
      this.pointer.regions = null;
      if (!keepsView) this.setMode(row?.many ? "more" : "here");
      this.panel.open(shown, row);
      this.getReady(part, picture, isMeant);
    }
    this.panel.know(shown.tries);
    this.update(shown);
    return true;
  }

  clear() {
    this.now = null;
    this.view.clear();
    this.update(null);
  }

  /** Show a whole mask, told as a change of an empty one. */
  lay(change) {
    this.view.mask.fill(0);
    apply(change, this.view.mask, this.view.picture.width);
    this.view.drawMask();
  }

  /** What the first click and the regions need is looked at once the picture is there. */
  async getReady(part, picture, isMeant) {
    try {
      await this.transport.touch("warm", part);
      if (!isMeant()) return;
      const said = await this.transport.get("regions", part);
      if (isMeant()) this.pointer.regions = new Regions(said, picture);
    } catch {
      // the click itself will say what is wrong
    }
  }

  /** Show the mask as the program has it. */
  async reload() {
    const { name, slice } = this.now;
    const shown = await this.transport.get("case", partOf({ name, slice }));
    if (!this.now || this.now.name !== name || this.now.slice !== slice) return;
    const change = await changeOf(shown.mask);
    this.now = shown;
    this.lay(change);
    this.panel.know(shown.tries);
    this.update(shown);
  }

  // What is done to it

  act(what) {
    if (!this.now) return this.queue;
    const target = this.now;
    if (what.do) this.at("hint").textContent = "";
    this.waiting++;
    this.tellSaved("saving …");
    this.queue = this.queue.then(() => this.send(target, what)).finally(() => {
      this.waiting--;
      if (this.waiting === 0 && !this.pointer.path) this.view.clearStroke();
    });
    return this.queue;
  }

  async send(target, what) {
    if (this.now !== target) return;
    try {
      const answer = await this.transport.post("act", { ...partOf(target), based_on: target.revision, act: what });
      await this.take(target, answer);
      if (!what.verdict) this.tell(`${wordsOf(what, answer)}. The mask has ${answer.pixels} pixels.`);
      this.tellSaved("saved");
    } catch (error) {
      if (error.status === 409) {
        this.toast("This mask was changed in another window. It is shown as it is now; your last step was not added.");
        await this.reload();
      } else {
        this.toast(error.status ? error.message : "msformer does not answer; the last step is not saved");
        if (error.status === 507 || error.status >= 500) await this.reload();
      }
      this.tellSaved(error.status === 0 ? "not saved" : "");
    }
  }

  async take(target, answer) {
    if (answer.mask) {
      this.lay(await changeOf(answer.mask));
    } else {
      const change = await changeOf(answer.change);
      apply(change, this.view.mask, this.view.picture.width);
      this.view.drawMask(change.top, change.left, change.height, change.width);
    }
    Object.assign(target, answer);
    this.took(target);
    this.update(target);
  }

  update(state) {
    for (const [id, key, word] of [["undo", "undoes", "Undo"], ["redo", "redoes", "Redo"]]) {
      const button = this.at(`tool-${id}`);
      const what = state?.[key] ?? null;
      if (what === null && this.root.activeElement === button) this.at("live").focus({ preventScroll: true }); // not lost
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
    this.updated(state);
    this.panel.update(state ?? { offer: null, verdict: "open", steps: 0 });
  }

  setTool(id) {
    const { at } = this;
    this.settings.tool = id;
    at("hint").textContent = TOOLS.find((tool) => tool.id === id).help;
    this.pointer.giveUp();
    for (const tool of TOOLS) at(`tool-${tool.id}`).setAttribute("aria-pressed", String(tool.id === id));
    at("size-box").hidden = id !== "brush" && id !== "eraser";
    at("pointing").hidden = id !== "point" && id !== "box";
    at("live").style.cursor = { pan: "grab", brush: "none", eraser: "none" }[id] ?? "crosshair";
    this.tellSize();
    if (id === "region" && !this.pointer.regions) this.tell("regions are still being looked for");
  }

  setMode(mode) {
    this.settings.mode = mode;
    this.at("one").setAttribute("aria-pressed", String(mode === "here"));
    this.at("several").setAttribute("aria-pressed", String(mode === "more"));
  }

  tellSize() {
    this.at("size-words").textContent = `${Math.round(this.settings.radius() * 2)} px`;
  }

  resizeBrush(step) {
    if (this.settings.tool === "region") this.pointer.regions?.walk(step > 0 ? 1 : -1);
    else this.at("size").value = Number(this.at("size").value) + step;
    this.tellSize();
    this.pointer.paint();
  }

  command(id) {
    const { picture } = this.view;
    if (id === "undo") this.act({ undo: true });
    else if (id === "redo") this.act({ redo: true });
    else if (id === "smooth") this.act({ do: { kind: "smooth", width: Math.max(picture.height * picture.factor / 300, 1) } });
    else this.act({ do: { kind: id } });
  }

  // Keys

  /** A key was pressed; more: what further ones do. */
  key(event, more = {}) {
    if (this.root.querySelector("dialog[open]") || event.target.matches(TYPING)) return;
    const isControl = event.ctrlKey || event.metaKey;
    const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (isControl) {
      if (letter === "z" && !event.shiftKey) this.command("undo");
      else if (letter === "y" || letter === "z") this.command("redo");
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
      ...more,
      " ": () => this.hide(true),
      "1": () => this.panel.chosen(0),
      "2": () => this.panel.chosen(1),
      "3": () => this.panel.chosen(2),
      "[": () => this.resizeBrush(-5),
      "]": () => this.resizeBrush(5),
      "+": () => this.view.zoom(1.25),
      "=": () => this.view.zoom(1.25),
      "-": () => this.view.zoom(0.8),
      "0": () => this.view.fit(),
      v: () => this.turnLook(),
      c: () => this.at("show-clusters").click(),
      Escape: () => this.pointer.giveUp(),
      "?": () => this.at("keys").showModal(),
      f: () => this.command("fill"),
      o: () => this.command("smooth"),
      Delete: () => this.command("clear"),
      ...Object.fromEntries(TOOLS.map((tool) => [tool.key, () => this.setTool(tool.id)])),
    }[letter];
    if (!done || event.shiftKey && event.key.startsWith("Arrow")) return;
    if (["1", "2", "3"].includes(letter) && this.at("answers").hidden) return;
    event.preventDefault();
    done();
  }

  hide(is) {
    if (this.view.look.hidden === is) return;
    this.view.look.hidden = is;
    this.view.draw();
  }

  turnLook() {
    const kinds = ["both", "outline", "fill"];
    this.at("look").value = kinds[(kinds.indexOf(this.at("look").value) + 1) % kinds.length];
    this.panel.overlays();
  }
}

const wordsOf = (what, answer) =>
  what.undo ? "Taken back" : what.redo ? "Done again" : `Done: ${answer.undoes ?? "nothing"}`;
