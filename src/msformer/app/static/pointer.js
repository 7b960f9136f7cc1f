// Hands on the picture: mouse, pen, fingers and keys become actions.

const CLOSE = 0.5; // px of the picture; nearer places of a path are one
const LONGEST = 50_000; // places of a path
const LINES = new Set(["scribble", "lasso", "split", "merge"]);
const STEP = 8; // px of the screen that a key moves the cross

export class Pointer {
  /** act: called with an action; told: with the place under the cursor. */
  constructor(view, settings, { act, moved, taken }) {
    Object.assign(this, { view, settings, act, moved, taken });
    this.path = null;
    this.cross = null;
    this.cursor = null;
    this.regions = null;
    this.fingers = new Map();
    const canvas = view.live.canvas;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.cancel(event));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => {
      this.cross = null;
      this.paint();
    });
  }

  get tool() {
    return this.settings.tool;
  }

  place(event) {
    const box = this.view.live.canvas.getBoundingClientRect();
    return this.view.placeOf(event.clientX - box.left, event.clientY - box.top);
  }

  down(event) {
    if (!this.view.picture) return;
    const canvas = this.view.live.canvas;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.fingers.size === 2) {
      this.giveUp();
      this.pinch = this.spread();
      return;
    }
    if (this.fingers.size > 2) return;
    if (event.button === 1 || this.tool === "pan") {
      this.dragged = [event.clientX, event.clientY];
      event.preventDefault();
      return;
    }
    const isOn = event.button !== 2;
    this.begin(this.place(event), isOn);
  }

  begin(place, isOn) {
    this.isOn = this.tool === "eraser" ? false : isOn;
    this.path = [place];
    this.cursor = place;
    this.paint();
  }

  move(event) {
    if (!this.view.picture) return;
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.pinch) {
      this.pinched();
      return;
    }
    if (this.dragged) {
      this.view.pan(event.clientX - this.dragged[0], event.clientY - this.dragged[1]);
      this.dragged = [event.clientX, event.clientY];
      return;
    }
    const places = (event.getCoalescedEvents?.() ?? [event]).map((one) => this.place(one));
    const last = places.at(-1) ?? this.place(event);
    if (this.path) for (const place of places) this.add(place);
    this.at(last);
  }

  add(place) {
    if (this.tool === "box") {
      this.path[1] = place;
      return;
    }
    const [row, column] = this.path.at(-1);
    if (Math.hypot(place[0] - row, place[1] - column) >= CLOSE && this.path.length < LONGEST) this.path.push(place);
  }

  /** The cursor is there now. */
  at(place) {
    this.cursor = place;
    if (this.tool === "region" && this.regions && this.view.isOn(...place)) this.regions.under(...place);
    this.moved(place);
    this.paint();
  }

  up(event) {
    this.fingers.delete(event.pointerId);
    if (this.pinch) {
      if (this.fingers.size < 2) this.pinch = null;
      return;
    }
    if (this.dragged) {
      this.dragged = null;
      return;
    }
    if (this.path) {
      this.add(this.place(event));
      this.end();
    }
  }

  cancel(event) {
    this.fingers.delete(event.pointerId);
    this.pinch = this.dragged = null;
    this.giveUp();
  }

  giveUp() {
    this.path = null;
    this.drawn = 0;
    this.view.clearStroke();
    this.paint();
  }

  leave() {
    if (this.path) return;
    this.cursor = null;
    this.regions?.leave();
    this.moved(null);
    this.paint();
  }

  spread() {
    const [one, other] = [...this.fingers.values()];
    return {
      apart: Math.max(Math.hypot(one[0] - other[0], one[1] - other[1]), 1),
      x: (one[0] + other[0]) / 2,
      y: (one[1] + other[1]) / 2,
    };
  }

  pinched() {
    if (this.fingers.size < 2) return;
    const now = this.spread();
    const box = this.view.live.canvas.getBoundingClientRect();
    this.view.pan(now.x - this.pinch.x, now.y - this.pinch.y);
    this.view.zoom(now.apart / this.pinch.apart, now.x - box.left, now.y - box.top);
    this.pinch = now;
  }

  wheel(event) {
    event.preventDefault();
    if (!this.view.picture) return;
    const walks = (this.tool === "region" && !event.ctrlKey) || event.altKey;
    if (walks && this.regions) {
      if (event.altKey && this.cursor) this.regions.under(...this.cursor);
      this.regions.walk(event.deltaY < 0 ? 1 : -1);
      this.paint();
      return;
    }
    const box = this.view.live.canvas.getBoundingClientRect();
    this.view.zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
  }

  /** Keys while the picture has the focus: the cross, and clicks at it. */
  key(event) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (steps && event.shiftKey && this.view.picture) {
      const { height, width } = this.view.picture;
      const by = Math.max(STEP / this.view.scale, 1);
      const [row, column] = this.cross ?? [Math.floor(height / 2), Math.floor(width / 2)];
      this.cross = [
        Math.min(Math.max(row + steps[0] * by, 0), height - 1),
        Math.min(Math.max(column + steps[1] * by, 0), width - 1),
      ];
      this.at(this.cross);
    } else if (event.key === "Enter" && this.view.picture) {
      this.cross ??= [Math.floor(this.view.picture.height / 2), Math.floor(this.view.picture.width / 2)];
      this.at(this.cross);
      this.enter(!event.shiftKey);
    } else if (event.key === "Escape") {
      this.giveUp();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** A click of the keyboard; lines and boxes take several, and end where they are clicked twice. */
  enter(isOn) {
    const isLine = LINES.has(this.tool) || this.tool === "box";
    if (!isLine || !this.path) {
      this.begin(this.cross, isOn);
      if (!isLine) this.end();
      return;
    }
    const [row, column] = this.path.at(-1);
    const isTwice = row === this.cross[0] && column === this.cross[1];
    if (this.tool === "box") this.path[1] = this.cross;
    else if (!isTwice) this.path.push(this.cross);
    if (isTwice || this.tool === "box") this.end();
    else this.paint();
  }

  /** What was begun is done: tell it as an action in px of the image. */
  end() {
    const { path, isOn } = this;
    this.path = null;
    const action = this.actionOf(path, isOn);
    const isStroke = this.tool === "brush" || this.tool === "eraser";
    if (!isStroke || !action) this.view.clearStroke();
    this.drawn = 0;
    if (action) this.act(action);
    this.paint();
  }

  actionOf(path, isOn) {
    const factor = this.view.picture.factor;
    const places = path.map(([row, column]) => [row * factor, column * factor]);
    const [row, column] = path[0];
    const mode = this.settings.mode;
    switch (this.tool) {
      case "point":
        if (!this.view.isOn(row, column)) return null;
        return { kind: "point", row: Math.floor(row * factor), column: Math.floor(column * factor), is_on: isOn, mode };
      case "region": {
        const region = this.regions && this.view.isOn(row, column) ? this.regions.under(row, column) : null;
        if (!region) this.taken(this.regions ? "no region is here" : "regions are still being looked for");
        return region ? { kind: "region", index: region.index, is_on: isOn } : null;
      }
      case "box":
        return this.boxOf(places, factor, mode);
      case "brush":
      case "eraser":
        return { kind: "brush", path: places, radius: this.settings.radius() * factor, is_on: isOn };
      case "lasso":
        return places.length < 3 ? null : { kind: "lasso", path: places, is_on: isOn };
      case "scribble":
        return { kind: "scribble", path: places, is_on: isOn };
      case "split":
      case "merge":
        return places.length < 2 ? null : { kind: this.tool, path: places };
      default:
        return null;
    }
  }

  boxOf(places, factor, mode) {
    if (places.length < 2) return null;
    const [height, width] = [this.view.picture.height * factor, this.view.picture.width * factor];
    const rows = places.slice(0, 2).map((place) => Math.min(Math.max(place[0], 0), height));
    const columns = places.slice(0, 2).map((place) => Math.min(Math.max(place[1], 0), width));
    const [top, bottom] = [Math.floor(Math.min(...rows)), Math.ceil(Math.max(...rows))];
    const [left, right] = [Math.floor(Math.min(...columns)), Math.ceil(Math.max(...columns))];
    if (bottom - top < 2 || right - left < 2) return null;
    return { kind: "box", top, left, bottom, right, mode };
  }

  /** Draw what is under way in the next frame. */
  paint() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  draw() {
    const { live, dots } = this.view;
    live.setTransform(1, 0, 0, 1, 0, 0);
    live.clearRect(0, 0, live.canvas.width, live.canvas.height);
    if (!this.view.picture) return;
    if (this.tool === "region" && this.regions && !this.view.look.hidden) this.regions.draw(live, this.view);
    live.setTransform(dots, 0, 0, dots, 0, 0);
    const isBrush = this.tool === "brush" || this.tool === "eraser";
    if (this.path && isBrush) this.drawStroke();
    else if (this.path) this.drawLine(live);
    if (isBrush && this.cursor) this.ring(live, ...this.view.spotOf(...this.cursor), this.settings.radius() * this.view.scale);
    if (this.cross) this.drawCross(live);
  }

  /** What of a stroke is new, on a canvas of its own that is as clear as a whole: nothing is drawn twice. */
  drawStroke() {
    const { stroke, dots, look } = this.view;
    const from = Math.max((this.drawn || 1) - 1, 0);
    if (this.path.length === this.drawn) return;
    stroke.setTransform(dots, 0, 0, dots, 0, 0);
    stroke.strokeStyle = stroke.fillStyle = this.isOn ? look.colour : "#d0d4d8";
    stroke.lineCap = stroke.lineJoin = "round";
    const radius = this.settings.radius() * this.view.scale;
    stroke.lineWidth = radius * 2;
    stroke.beginPath();
    const [x, y] = this.view.spotOf(...this.path[from]);
    stroke.moveTo(x, y);
    for (let index = from + 1; index < this.path.length; index++) stroke.lineTo(...this.view.spotOf(...this.path[index]));
    if (this.path.length === 1) stroke.lineTo(x + 0.01, y);
    stroke.stroke();
    this.drawn = this.path.length;
  }

  drawLine(live) {
    const spots = this.path.map((place) => this.view.spotOf(...place));
    live.beginPath();
    if (this.tool === "box" && spots.length > 1) {
      live.rect(spots[0][0], spots[0][1], spots[1][0] - spots[0][0], spots[1][1] - spots[0][1]);
    } else {
      spots.forEach(([x, y], index) => (index ? live.lineTo(x, y) : live.moveTo(x, y)));
      if (this.tool === "lasso") live.closePath();
    }
    this.twice(live);
  }

  drawCross(live) {
    const [x, y] = this.view.spotOf(...this.cross);
    live.beginPath();
    for (const [across, down] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      live.moveTo(x + across * 4, y + down * 4);
      live.lineTo(x + across * 16, y + down * 16);
    }
    this.twice(live);
  }

  ring(live, x, y, radius) {
    live.beginPath();
    live.arc(x, y, Math.max(radius, 1), 0, 7);
    this.twice(live);
  }

  /** Dark and light, so that it shows on any ground. */
  twice(live) {
    live.strokeStyle = "#000000";
    live.lineWidth = 3.5;
    live.stroke();
    live.strokeStyle = this.isOn === false && this.path ? "#ffb4ab" : "#ffffff";
    live.lineWidth = 1.5;
    live.stroke();
  }
}
