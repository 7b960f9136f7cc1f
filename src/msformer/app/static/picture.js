// The picture: its values, and how they are shown.

const SMALLEST = 1_000_000; // px; smaller copies are kept down to here, so that a large picture is quick when it is far away

/** The pixels of a PNG as the file has them. */
export async function pixelsOf(blob, { width, height }) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, width, height);
}

export class Picture {
  /** about: what the program says of the picture; values: one number a pixel and channel. */
  constructor(about, values, stride) {
    Object.assign(this, about);
    this.values = values;
    this.stride = stride;
    this.canvas = new OffscreenCanvas(this.width, this.height);
    this.copies = [];
    this.light(...about.contrast);
  }

  static async load(about, part, transport) {
    if (!about.plain) {
      const buffer = await transport.getBuffer("picture", part);
      return new Picture(about, new Uint16Array(buffer), about.channels);
    }
    return new Picture(about, (await pixelsOf(await transport.getBlob("picture", part), about)).data, 4);
  }

  /** The values under a pixel, as the file has them. */
  at(row, column) {
    const place = (row * this.width + column) * this.stride;
    return Array.from({ length: this.channels }, (_, index) => this.first + this.step * this.values[place + index]);
  }

  /** Make one value black and another white. */
  light(low, high) {
    this.low = low;
    this.high = high;
    const count = this.plain ? 256 : 65536;
    const table = new Uint8ClampedArray(count);
    const [from, span] = [(low - this.first) / this.step, Math.max((high - low) / this.step, 1e-9)];
    for (let index = 0; index < count; index++) table[index] = ((index - from) / span) * 255;
    const pixels = new Uint32Array(this.width * this.height);
    const { values, stride, channels } = this;
    for (let index = 0, place = 0; index < pixels.length; index++, place += stride) {
      const red = table[values[place]];
      pixels[index] =
        channels === 3
          ? 0xff000000 | (table[values[place + 2]] << 16) | (table[values[place + 1]] << 8) | red
          : 0xff000000 | (red << 16) | (red << 8) | red;
    }
    const shown = new ImageData(new Uint8ClampedArray(pixels.buffer), this.width, this.height);
    this.canvas.getContext("2d").putImageData(shown, 0, 0);
    this.copies = [];
    let copy = this.canvas;
    while (copy.width * copy.height > SMALLEST) {
      const half = new OffscreenCanvas(Math.ceil(copy.width / 2), Math.ceil(copy.height / 2));
      half.getContext("2d").drawImage(copy, 0, 0, half.width, half.height);
      this.copies.push(half);
      copy = half;
    }
  }

  /** What to draw where a pixel of the picture takes so many of the screen. */
  copyFor(scale) {
    let chosen = this.canvas;
    for (const copy of this.copies) if (copy.width >= this.width * scale) chosen = copy;
    return chosen;
  }
}
