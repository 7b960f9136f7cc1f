// The stage: picture, overlays, strokes under way and the cursor, each on a canvas of its own, at any zoom.

const HALO = "#000000";
const FEW_TRIES = "#ffffff";
const ALL_TRIES = "#ffe14d";
const AROUND = [[1, 0], [-1, 0], [0, 1], [0, -1], [0.7, 0.7], [-0.7, 0.7], [0.7, -0.7], [-0.7, -0.7]];

function context(id) {
  return document.getElementById(id).getContext("2d");
}

export class View {
  constructor(stage) {
    this.stage = stage;
    this.base = context("base");
    this.marks = context("marks");
    this.stroke = context("stroke");
    this.live = context("live");
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    this.picture = null;
    this.mask = null; // one byte a pixel
    this.drawnMask = null; // the same as a canvas
    this.clusters = null;
    this.stability = null; // how far tries agree: a tint, and what any and all of them take, as canvases
    this.look = { mask: true, clusters: false, stability: false, as: "both", colour: "#56b4e9", opacity: 0.3, hidden: false };
    this.pending = false;
    this.decorate = () => {};
    new ResizeObserver(() => this.resize()).observe(stage);
    this.resize();
  }

  /** Show another picture; the view stays where it is when it is of the same size and asked for. */
  show(picture, keepsView) {
    const isSame = this.picture && this.picture.width === picture.width && this.picture.height === picture.height;
    this.picture = picture;
    this.mask = new Uint8Array(picture.width * picture.height);
    this.drawnMask = new OffscreenCanvas(picture.width, picture.height);
    this.clusters = null;
    this.stability = null;
    this.stroke.clearRect(0, 0, this.stroke.canvas.width, this.stroke.canvas.height);
    if (!(keepsView && isSame)) this.fit();
    this.draw();
  }

  clear() {
    this.picture = null;
    this.draw();
  }

  resize() {
    const { clientWidth, clientHeight } = this.stage;
    this.dots = window.devicePixelRatio || 1;
    for (const one of [this.base, this.marks, this.stroke, this.live]) {
      one.canvas.width = Math.max(Math.round(clientWidth * this.dots), 1);
      one.canvas.height = Math.max(Math.round(clientHeight * this.dots), 1);
    }
    const [width, height] = [this.base.canvas.width, this.base.canvas.height];
    this.flat = new OffscreenCanvas(width, height).getContext("2d");
    this.rim = new OffscreenCanvas(width, height).getContext("2d");
    if (this.picture && !this.isMoved) this.fit();
    this.draw();
  }

  fit() {
    if (!this.picture) return;
    const { clientWidth, clientHeight } = this.stage;
    this.scale = Math.min((clientWidth - 24) / this.picture.width, (clientHeight - 24) / this.picture.height);
    this.left = (clientWidth - this.picture.width * this.scale) / 2;
    this.top = (clientHeight - this.picture.height * this.scale) / 2;
    this.isMoved = false;
    this.draw();
  }

  /** Zoom by a factor, keeping a place of the stage where it is. */
  zoom(factor, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
    const scale = Math.min(Math.max(this.scale * factor, 0.02), 64);
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.isMoved = true;
    this.draw();
  }

  /** Bring a place of the picture to the middle of the stage, nearer if the whole picture was shown. */
  centre(row, column) {
    if (!this.isMoved) this.scale *= 2;
    this.left = this.stage.clientWidth / 2 - column * this.scale;
    this.top = this.stage.clientHeight / 2 - row * this.scale;
    this.isMoved = true;
    this.draw();
  }

  pan(across, down) {
    this.left += across;
    this.top += down;
    this.isMoved = true;
    this.draw();
  }

  /** Row and column, continuous, under a place of the stage. */
  placeOf(x, y) {
    return [(y - this.top) / this.scale, (x - this.left) / this.scale];
  }

  /** The place of the stage where a row and a column are. */
  spotOf(row, column) {
    return [column * this.scale + this.left, row * this.scale + this.top];
  }

  isOn(row, column) {
    return this.picture && row >= 0 && column >= 0 && row < this.picture.height && column < this.picture.width;
  }

  /** Draw a box of the mask anew on its own canvas. */
  drawMask(top = 0, left = 0, height = this.picture.height, width = this.picture.width) {
    if (height === 0 || width === 0) return;
    const colour = parseInt(this.look.colour.slice(1), 16);
    const packed = 0xff000000 | ((colour & 255) << 16) | (colour & 0xff00) | (colour >> 16);
    const pixels = new Uint32Array(height * width);
    for (let row = 0, index = 0; row < height; row++) {
      let place = (top + row) * this.picture.width + left;
      for (let column = 0; column < width; column++, index++, place++) if (this.mask[place]) pixels[index] = packed;
    }
    const data = new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
    this.drawnMask.getContext("2d").putImageData(data, left, top);
    this.draw();
  }

  /** Draw everything in the next frame. */
  draw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.paint();
    });
  }

  place(target) {
    const { scale, dots, left, top } = this;
    target.setTransform(scale * dots, 0, 0, scale * dots, left * dots, top * dots);
    target.imageSmoothingEnabled = scale * dots < 2;
  }

  paint() {
    for (const one of [this.base, this.marks]) {
      one.setTransform(1, 0, 0, 1, 0, 0);
      one.clearRect(0, 0, one.canvas.width, one.canvas.height);
    }
    if (this.picture) {
      const { width, height } = this.picture;
      this.place(this.base);
      this.base.drawImage(this.picture.copyFor(this.scale * this.dots), 0, 0, width, height);
      if (!this.look.hidden) this.paintMarks(width, height);
    }
    this.decorate();
  }

  paintMarks(width, height) {
    const { marks, flat, look } = this;
    this.place(marks);
    if (look.clusters && this.clusters) {
      marks.globalAlpha = Math.min(look.opacity * 1.5, 1);
      marks.drawImage(this.clusters, 0, 0, width, height);
    }
    if (look.stability && this.stability) {
      const { tint, any, all } = this.stability;
      if (look.as !== "outline") {
        marks.globalAlpha = Math.min(look.opacity * 1.5, 1);
        marks.drawImage(tint, 0, 0, width, height);
      }
      if (look.as !== "fill") {
        this.paintLine(any, width, height, FEW_TRIES);
        this.paintLine(all, width, height, ALL_TRIES);
      }
    }
    if (look.mask) {
      this.flatten(this.drawnMask, width, height);
      if (look.as !== "outline") {
        marks.globalAlpha = look.opacity;
        marks.drawImage(flat.canvas, 0, 0);
      }
      if (look.as !== "fill") this.paintRim(look.colour);
    }
    marks.globalAlpha = 1;
  }

  /** Draw a canvas of the picture's size as it lies on the screen. */
  flatten(canvas, width, height) {
    const { marks, flat } = this;
    marks.setTransform(1, 0, 0, 1, 0, 0);
    flat.setTransform(1, 0, 0, 1, 0, 0);
    flat.clearRect(0, 0, flat.canvas.width, flat.canvas.height);
    this.place(flat);
    flat.drawImage(canvas, 0, 0, width, height);
  }

  /** Draw a line around what was flattened, with a dark one around that, so that it shows on any ground. */
  paintRim(colour) {
    const { marks, rim } = this;
    marks.globalAlpha = 0.75;
    marks.drawImage(this.rimOf(rim, 2.6 * this.dots, HALO), 0, 0);
    marks.globalAlpha = 1;
    marks.drawImage(this.rimOf(rim, 1.6 * this.dots, colour), 0, 0);
  }

  paintLine(canvas, width, height, colour) {
    this.flatten(canvas, width, height);
    this.paintRim(colour);
    this.place(this.marks);
  }

  /** What lies around the mask on the screen, so wide, in a colour. */
  rimOf(rim, wide, colour) {
    const { canvas } = this.flat;
    rim.globalCompositeOperation = "source-over";
    rim.clearRect(0, 0, canvas.width, canvas.height);
    for (const [across, down] of AROUND) rim.drawImage(canvas, across * wide, down * wide);
    rim.globalCompositeOperation = "destination-out";
    rim.drawImage(canvas, 0, 0);
    rim.globalCompositeOperation = "source-in";
    rim.fillStyle = colour;
    rim.fillRect(0, 0, canvas.width, canvas.height);
    return rim.canvas;
  }

  clearStroke() {
    this.stroke.setTransform(1, 0, 0, 1, 0, 0);
    this.stroke.clearRect(0, 0, this.stroke.canvas.width, this.stroke.canvas.height);
  }
}
