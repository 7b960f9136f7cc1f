// The settings beside the picture: answers, overlays, light, objects, and how certain the mask is.

import { get } from "./api.js";
import { certainty } from "./list.js";
import { loadStability } from "./stability.js";

const at = (id) => document.getElementById(id);
const MEANINGS = { part: "Part", object: "Object", whole: "Whole" };

const capital = (words) => `${words[0].toUpperCase()}${words.slice(1)}`;

export class Panel {
  /** chosen: called with the number of another answer; part: gives what is open; find: finds out its stability. */
  constructor(view, { chosen, part, find }) {
    Object.assign(this, { view, chosen, part });
    at("stability-find").addEventListener("click", find);
    for (const id of ["show-mask", "show-clusters", "show-stability", "look", "colour", "opacity"]) {
      at(id).addEventListener("input", () => this.overlays());
    }
    for (const id of ["level", "width"]) at(id).addEventListener("input", () => this.lit());
    at("auto").addEventListener("click", () => this.light(...this.view.picture.contrast));
    at("objects").addEventListener("toggle", () => this.listObjects());
    this.overlays();
  }

  overlays() {
    const { look } = this.view;
    const colour = look.colour;
    Object.assign(look, {
      mask: at("show-mask").checked,
      clusters: at("show-clusters").checked,
      stability: at("show-stability").checked,
      as: at("look").value,
      colour: at("colour").value,
      opacity: at("opacity").value / 100,
    });
    if (look.clusters && this.view.picture && !this.view.clusters) this.loadClusters();
    this.showStability();
    if (colour !== look.colour && this.view.picture) this.view.drawMask();
    this.view.draw();
  }

  /** The stability of the open picture, if it is wanted; what the scale means, or how to find out. */
  async showStability() {
    const { picture, look } = this.view;
    at("stability").hidden = !look.stability;
    at("stability-known").hidden = !this.tries;
    at("stability-none").hidden = Boolean(this.tries);
    if (!look.stability || !this.tries || !picture || this.view.stability) return;
    const { tries } = this;
    const found = await loadStability(this.part(), picture);
    if (!found || picture !== this.view.picture) return;
    this.view.stability = found;
    at("stability-few").textContent = `1 of ${tries} tries`;
    at("stability-all").textContent = `all ${tries}`;
    at("stability-words").textContent = found.share !== null
      ? `All tries agree on ${Math.floor(found.share * 100)} % of what any of them takes for the object. White line: what any try takes; yellow line: what all take.`
      : "No try found an object.";
    this.view.draw();
  }

  async loadClusters() {
    const { picture } = this.view;
    const image = new Image();
    image.src = `/api/clusters?${new URLSearchParams(this.part())}`;
    try {
      await image.decode();
    } catch {
      return;
    }
    if (picture !== this.view.picture) return;
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, picture.width, picture.height);
    for (let place = 0; place < pixels.data.length; place += 4) {
      const label = pixels.data[place];
      const [red, green, blue] = this.colours[label] ?? [110, 110, 110];
      pixels.data[place] = red;
      pixels.data[place + 1] = green;
      pixels.data[place + 2] = blue;
      pixels.data[place + 3] = label === 0 ? 0 : 255;
    }
    context.putImageData(pixels, 0, 0);
    this.view.clusters = canvas;
    this.view.draw();
  }

  /** Another picture is open. */
  open(shown, row) {
    this.colours = shown.colours;
    if (this.view.look.clusters) this.loadClusters();
    const windows = Object.entries(shown.picture.windows);
    at("windows").hidden = windows.length === 0;
    at("windows").replaceChildren(
      ...windows.map(([name, [centre, width]]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = name.replace("-", " ");
        button.addEventListener("click", () => this.light(centre - width / 2, centre + width / 2));
        return button;
      }),
    );
    this.range = this.rangeOf(shown.picture);
    this.place(...shown.picture.contrast);
    this.tellSure(shown, row);
  }

  /** tries: how many the stability of the picture is of, nothing where it is unknown. */
  know(tries) {
    this.tries = tries;
    this.showStability();
  }

  rangeOf(picture) {
    const [low, high] = picture.contrast;
    const last = picture.plain ? 255 : picture.first + picture.step * 65535;
    return { first: Math.min(picture.first, low), span: Math.max(last - picture.first, high - low, 1e-9) };
  }

  /** Put the sliders where two values are black and white. */
  place(low, high) {
    const { first, span } = this.range;
    at("level").value = Math.round(1000 - (((low + high) / 2 - first) / span) * 1000);
    at("width").value = Math.round(1000 - Math.sqrt(Math.min((high - low) / (2 * span), 1)) * 1000);
    this.tellLight(low, high);
  }

  lit() {
    if (!this.view.picture) return;
    const { first, span } = this.range;
    const centre = first + (1 - at("level").value / 1000) * span;
    const width = Math.max((1 - at("width").value / 1000) ** 2 * 2 * span, span / 1000);
    this.apply(centre - width / 2, centre + width / 2);
  }

  light(low, high) {
    this.place(low, high);
    this.apply(low, high);
  }

  apply(low, high) {
    this.tellLight(low, high);
    this.wanted = [low, high];
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.view.picture?.light(...this.wanted);
      this.view.draw();
    });
  }

  tellLight(low, high) {
    const digits = high - low < 10 ? 2 : 0;
    at("light-words").textContent = `${low.toFixed(digits)} to ${high.toFixed(digits)}`;
  }

  tellSure(shown, row) {
    const [words, kind] = (this.certain = certainty(row?.confidence ?? 1));
    const strong = document.createElement("strong");
    strong.className = kind;
    strong.textContent = capital(words);
    const why = document.createElement("p");
    why.textContent = row?.reason ? `Because ${row.reason}.` : "";
    const facts = document.createElement("p");
    const [height, width] = shown.size;
    const spacing = shown.spacing ? `, ${shown.spacing[1].toPrecision(3)} mm a pixel` : "";
    const taught = row?.changed ? " The folder taught another mask here." : "";
    facts.textContent = `The program was ${Math.round((row?.confidence ?? 0) * 100)} % sure of its mask.${taught} ${width} × ${height} px${spacing}.`;
    at("sure").replaceChildren(strong, ...(row?.reason ? [why] : []), facts);
  }

  /** What an act came to. */
  update(state) {
    const { offer } = state;
    const heading = at("sure").querySelector("strong");
    if (heading && this.certain) {
      const own = state.verdict !== "open" ? `${state.verdict} by you` : state.steps ? "corrected by you" : null;
      heading.textContent = capital(own ?? this.certain[0]);
      heading.className = own ? "" : this.certain[1];
    }
    at("answers").hidden = !offer || offer.words.length < 2;
    at("answer-buttons").replaceChildren(
      ...(offer?.words ?? []).map((word, index) => {
        const button = document.createElement("button");
        button.type = "button";
        button.setAttribute("aria-pressed", String(offer.chosen === index));
        button.title = `Take this answer (${index + 1})`;
        const chance = document.createElement("small");
        chance.textContent = `${Math.round(Math.min(Math.max(offer.expected[index], 0), 1) * 100)} %`;
        button.append(MEANINGS[word], chance);
        button.addEventListener("click", () => this.chosen(index));
        return button;
      }),
    );
    this.listObjects();
  }

  async listObjects() {
    if (!at("objects").open || !this.view.picture) return;
    const asked = (this.asked = {});
    let found;
    try {
      found = await get("objects", this.part());
    } catch {
      return;
    }
    if (asked !== this.asked) return;
    at("n-objects").textContent = `(${found.length})`;
    at("object-rows").replaceChildren(
      ...found.map((one) => {
        const row = document.createElement("tr");
        const show = document.createElement("button");
        show.type = "button";
        show.textContent = one.number;
        show.setAttribute("aria-label", `Show object ${one.number}`);
        const { factor } = this.view.picture;
        show.addEventListener("click", () => this.view.centre(one.row / factor, one.column / factor));
        for (const text of [show, one.px, one.mm2, `${Math.round(one.row)}, ${Math.round(one.column)}`]) {
          const cell = document.createElement("td");
          cell.append(text);
          row.append(cell);
        }
        return row;
      }),
    );
  }
}
