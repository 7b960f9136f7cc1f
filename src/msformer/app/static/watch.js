// What is being segmented: its label map as it settles, its losses, how far it is and how long it takes.

import { chart } from "./chart.js";
import { address, get } from "./api.js";

const at = (id) => document.getElementById(id);
const EVERY_MS = 1000;
const KEPT = "msformer-watch"; // whether somebody opened or closed the panel, over a reload

const STAGES = {
  read: "reading the file",
  hash: "noting which image it is",
  prepare: "preparing: light, colours, what shows nothing",
  auto: "trying presets, which one fits",
  network: "looking with the grown network",
  cluster: "grouping pixels into clusters",
  foreground: "choosing the object among the regions",
  consensus: "comparing the tries",
  refine: "drawing the border in full size",
  confidence: "judging how certain it is",
  measure: "measuring",
  objects: "telling the objects apart",
  write: "writing the files",
};

export const LOSSES = [
  { key: "total", words: "total", colour: "--chart-1", dash: "" },
  { key: "cluster", words: "cross-entropy", colour: "--chart-2", dash: "7 3" },
  { key: "inter_scale", words: "between scales", colour: "--chart-3", dash: "2 3" },
  { key: "intra_scale", words: "spatial stability", colour: "--chart-4", dash: "9 3 2 3" },
];

/** Seconds as somebody would say them. */
export function duration(seconds) {
  if (seconds >= 5400) return `${Math.round(seconds / 3600)} h`;
  return seconds > 90 ? `${Math.round(seconds / 60)} min` : `${Math.max(Math.round(seconds), 1)} s`;
}

export class Watch {
  /** stop: called to end what runs; changed: called when the panel appears or goes. */
  constructor({ stop, changed }) {
    this.changed = changed;
    this.name = null;
    this.isRunning = false;
    this.hasPicture = false;
    this.asked = sessionStorage.getItem(KEPT);
    at("watch-open").addEventListener("click", () => this.ask(this.isOpen ? "no" : "yes"));
    at("watch-close").addEventListener("click", () => {
      this.ask("no");
      at("watch-open").focus();
    });
    at("watch-stop").addEventListener("click", stop);
  }

  get isOpen() {
    return this.isRunning && (this.asked ? this.asked === "yes" : !this.hasPicture);
  }

  ask(answer) {
    this.asked = answer;
    sessionStorage.setItem(KEPT, answer);
    this.show();
  }

  /** How things are: whether something is segmented, and whether a picture is open beneath. */
  update(job, hasPicture) {
    const isRunning = job?.status === "running" && job.kind === "segment";
    if (this.isRunning && !isRunning) {
      this.asked = null;
      sessionStorage.removeItem(KEPT);
    }
    this.isRunning = isRunning;
    this.hasPicture = hasPicture;
    at("watch-stop").disabled = Boolean(job?.stopping);
    at("watch-stop").textContent = job?.stopping ? "Stopping …" : "Stop";
    this.show();
  }

  show() {
    at("watch-open").hidden = !this.isRunning;
    at("watch-open").setAttribute("aria-expanded", String(this.isOpen));
    at("watch").classList.toggle("alone", !this.hasPicture);
    if (at("watch").hidden === this.isOpen) {
      at("watch").hidden = !this.isOpen;
      this.changed();
    }
    if (!this.isOpen) clearTimeout(this.timer);
    else if (!this.timer) this.look();
    if (!this.isOpen) this.timer = null;
  }

  async look() {
    this.timer = -1; // on its way
    try {
      const said = await get("watch");
      if (this.isOpen) this.draw(said.images);
    } catch {
      // the banner says so
    }
    this.timer = this.isOpen ? setTimeout(() => this.look(), EVERY_MS) : null;
  }

  draw(images) {
    this.images = images;
    const one = images.find(({ name }) => name === this.name) ?? images[0];
    at("watch-body").hidden = !one;
    at("watch-wait").hidden = Boolean(one);
    this.drawNames(images, one);
    if (!one) {
      at("watch-title").textContent = "The next image begins …";
      return;
    }
    this.name = one.name;
    at("watch-title").textContent = one.name;
    at("watch-facts").textContent = factsOf(one).join(" · ");
    this.drawPictures(one);
    this.drawStages(one);
    const { losses } = one;
    const hasLosses = losses.total.length > 0;
    at("watch-losses").hidden = !hasLosses;
    if (hasLosses) chart(at("watch-chart"), at("watch-legend"), LOSSES, losses, one.steps, one.step);
    at("watch-why").textContent = hasLosses ? "" : whyNone(one);
  }

  /** Buttons for the images that are under way side by side. */
  drawNames(images, chosen) {
    at("watch-names").hidden = images.length < 2;
    const names = images.map(({ name }) => name);
    const known = [...at("watch-names").children].map((button) => button.textContent);
    if (names.join("\n") !== known.join("\n")) {
      at("watch-names").replaceChildren(
        ...names.map((name) => {
          const button = document.createElement("button");
          button.type = "button";
          button.textContent = name;
          button.addEventListener("click", () => {
            this.name = name;
            this.draw(this.images);
          });
          return button;
        }),
      );
    }
    for (const button of at("watch-names").children) {
      button.setAttribute("aria-pressed", String(button.textContent === chosen?.name));
    }
  }

  drawPictures(one) {
    const [height, width] = one.shape ?? [1, 1];
    for (const kind of ["image", "labels"]) {
      const picture = at(`watch-${kind}`);
      const version = one.pictures[kind];
      picture.style.aspectRatio = `${width} / ${height}`;
      picture.classList.toggle("none", !version);
      const source = version ? address("watch-picture", { name: one.name, kind, of: `${one.began}-${version}` }) : "";
      if (source && picture.getAttribute("src") !== source) picture.src = source;
      if (!source) picture.removeAttribute("src");
    }
    at("watch-image").alt = `The image ${one.name}`;
    at("watch-labels").alt = one.pictures.labels ? `Its label map${one.step ? ` before step ${one.step}` : ""}: ${one.clusters} clusters` : "";
    at("watch-labels-words").textContent = one.pictures.labels ? `${one.clusters} clusters` : "no clusters yet";
  }

  drawStages(one) {
    const last = one.stages.length - 1;
    at("watch-stages").replaceChildren(
      ...one.stages.map(([name, seconds], index) => {
        const item = document.createElement("li");
        const isLast = index === last;
        if (isLast) item.setAttribute("aria-current", "step");
        const gone = seconds + (isLast ? one.age : 0);
        const time = gone < 0.05 ? "" : gone < 10 ? `${gone.toFixed(1)} s` : `${Math.round(gone)} s`;
        const words = document.createElement("span");
        words.textContent = STAGES[name] ?? name;
        const took = document.createElement("span");
        took.textContent = time;
        item.append(words, took);
        return item;
      }),
    );
  }
}

function factsOf(one) {
  const facts = [];
  if (one.slices) facts.push(`slice ${one.slice + 1} of ${one.slices}`);
  if (one.restarts > 1) facts.push(`try ${one.restart + 1} of ${one.restarts}`);
  if (one.steps) facts.push(`step ${one.step} of ${one.steps}`);
  if (one.clusters) facts.push(`${one.clusters} clusters`);
  if (one.left !== null) facts.push(`at most ${duration(one.left - one.age)} left`);
  if (one.preset) facts.push(`preset ${one.preset}`);
  return facts;
}

function whyNone(one) {
  if (one.method === "network") return "The network makes its first step; its losses appear after it.";
  if (one.method === "kmeans") {
    return (
      `No losses here: the preset ${one.preset} groups pixels by their likeness at once (k-means) and learns nothing ` +
      "step by step. Presets with the network of the method, such as general or paper-demo, have losses."
    );
  }
  return "Losses appear once the network learns, in presets that have one.";
}
