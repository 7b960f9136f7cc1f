// The regions of the picture that lie under the cursor, the smallest first, on the coarse grid that they were found on.

import { bytesOf } from "./bits.js";

export class Regions {
  /** said: what the program knows; picture: what they lie on. */
  constructor(said, picture) {
    this.rows = said.rows;
    this.columns = said.columns;
    this.picture = picture;
    this.all = said.regions.map((one, index) => ({ index, box: one.box, area: one.area, bits: bytesOf(one.bits) }));
    this.found = [];
    this.level = 0;
  }

  has(region, row, column) {
    const [top, left, height, width] = region.box;
    if (row < top || column < left || row >= top + height || column >= left + width) return false;
    const place = (row - top) * width + (column - left);
    return (region.bits[place >> 3] & (128 >> (place & 7))) !== 0;
  }

  /** Look under a row and a column of the picture; the one that was chosen stays while it holds them. */
  under(row, column) {
    const y = Math.floor((row / this.picture.height) * this.rows);
    const x = Math.floor((column / this.picture.width) * this.columns);
    const before = this.chosen;
    this.found = this.all.filter((one) => this.has(one, y, x)).sort((one, other) => one.area - other.area);
    const kept = before ? this.found.indexOf(before) : -1;
    this.level = kept >= 0 ? kept : Math.min(this.level, Math.max(this.found.length - 1, 0));
    return this.chosen;
  }

  get chosen() {
    return this.found[this.level] ?? null;
  }

  /** The next larger one, or the next smaller. */
  walk(step) {
    this.level = Math.min(Math.max(this.level + step, 0), Math.max(this.found.length - 1, 0));
    return this.chosen;
  }

  leave() {
    this.found = [];
  }

  /** Draw the chosen one, its grid laid over the picture. */
  draw(target, view) {
    const region = this.chosen;
    if (!region) return;
    const [top, left, height, width] = region.box;
    if (this.drawn?.region !== region) {
      const canvas = new OffscreenCanvas(width + 2, height + 2);
      const pixels = new ImageData(width + 2, height + 2);
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          const place = row * width + column;
          if (region.bits[place >> 3] & (128 >> (place & 7))) {
            pixels.data.set([255, 255, 255, 255], ((row + 1) * (width + 2) + column + 1) * 4);
          }
        }
      }
      canvas.getContext("2d").putImageData(pixels, 0, 0);
      this.drawn = { region, canvas };
    }
    const [down, across] = [this.picture.height / this.rows, this.picture.width / this.columns];
    view.place(target);
    target.imageSmoothingEnabled = true;
    target.globalAlpha = 0.45;
    target.drawImage(
      this.drawn.canvas, (left - 1) * across, (top - 1) * down, (width + 2) * across, (height + 2) * down,
    );
    target.globalAlpha = 1;
  }
}
