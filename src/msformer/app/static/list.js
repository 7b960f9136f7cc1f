// The list of images: which are shown, in which order, and which is open.

import { address } from "./api.js";
import { certainty } from "./panel.js";

const at = (id) => document.getElementById(id);
const FEW = 300; // rows that are made at a time
const STATES = {
  untouched: "not looked at",
  corrected: "corrected",
  accepted: "accepted",
  rejected: "rejected",
  failed: "failed",
};
const SIGNS = { untouched: "○", corrected: "✎", accepted: "✓", rejected: "✗", failed: "!" };

export class List {
  /** open: called with a name. */
  constructor(open) {
    this.open = open;
    this.cases = [];
    this.current = null;
    this.most = FEW;
    this.rows = new Map();
    for (const id of ["filter", "sort"]) {
      at(id).addEventListener("change", () => {
        this.most = FEW;
        this.draw();
      });
    }
    at("more").addEventListener("click", () => {
      this.most += FEW;
      this.draw();
    });
  }

  update(cases) {
    this.cases = cases;
    this.draw();
  }

  get(name) {
    return this.cases.find((one) => one.name === name);
  }

  /** The cases that are shown, in their order. The open one keeps its place though its state may have changed. */
  get shown() {
    const filter = at("filter").value;
    const sort = at("sort").value;
    const fits = (one) =>
      filter === "all" || one.state === filter || (filter === "changed" && one.changed) || one.name === this.current;
    const order = {
      confidence: (one, other) => one.confidence - other.confidence,
      worth: (one, other) => (other.worth ?? -1) - (one.worth ?? -1) || one.confidence - other.confidence,
      name: () => 0,
    }[sort];
    return this.cases
      .filter(fits)
      .sort((one, other) => one.failed - other.failed || order(one, other) || one.name.localeCompare(other.name));
  }

  /** The neighbour of the open case; with a state, the next one that has it, from the start again at the end. */
  beside(step, state = null) {
    const shown = this.shown.filter((one) => !one.failed);
    const place = shown.findIndex((one) => one.name === this.current);
    if (state === null) return shown[place + step] ?? null;
    const turned = [...shown.slice(place + 1), ...shown.slice(0, Math.max(place, 0))];
    return turned.find((one) => one.state === state) ?? null;
  }

  draw() {
    const shown = this.shown;
    const few = shown.slice(0, this.most);
    const items = few.map((one) => this.row(one));
    const list = at("cases");
    const isSame = items.length === list.children.length && items.every((item, index) => list.children[index] === item);
    if (!isSame) {
      const focused = document.activeElement;
      list.replaceChildren(...items);
      if (list.contains(focused)) focused.focus();
    }
    at("more").hidden = shown.length <= this.most;
    const count = (state) => this.cases.filter((one) => one.state === state).length;
    const words = [["accepted", "accepted"], ["corrected", "corrected"], ["rejected", "rejected"], ["untouched", "to look at"], ["failed", "failed"]]
      .filter(([state]) => count(state))
      .map(([state, text]) => `${count(state)} ${text}`);
    const total = `${this.cases.length} ${this.cases.length === 1 ? "image" : "images"}`;
    at("counts").textContent = this.cases.length ? `${total}: ${words.join(", ")}` : "None finished yet.";
  }

  row(one) {
    const key = JSON.stringify([one.state, one.confidence, one.changed, one.number, one.name === this.current]);
    const known = this.rows.get(one.name);
    if (known?.key === key) return known.item;
    const item = known?.item ?? document.createElement("li");
    const button = item.firstChild ?? document.createElement("button");
    button.type = "button";
    button.dataset.name = one.name;
    button.onclick = () => this.open(one.name);
    if (one.name === this.current) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = one.name;
    name.title = one.name;
    const state = document.createElement("span");
    state.className = `state ${one.state}${one.changed && one.state === "untouched" ? " changed" : ""}`;
    const sign = document.createElement("b");
    sign.textContent = `${SIGNS[one.state]} `;
    sign.setAttribute("aria-hidden", "true");
    const words = one.state === "untouched" ? certainty(one.confidence)[0] : STATES[one.state];
    state.append(sign, words);
    button.replaceChildren(this.thumbnail(one, known), name, state);
    item.replaceChildren(button);
    this.rows.set(one.name, { key, item });
    return item;
  }

  thumbnail(one, known) {
    const before = known?.item.querySelector("img");
    const source = address("thumb", { name: one.name, of: one.number });
    if (before && before.getAttribute("src") === source) return before;
    if (one.failed) {
      const none = document.createElement("span");
      none.className = "no-picture";
      return none;
    }
    const picture = document.createElement("img");
    picture.loading = "lazy";
    picture.alt = "";
    picture.src = source;
    return picture;
  }
}
