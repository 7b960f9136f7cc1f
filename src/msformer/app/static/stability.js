// How far several tries agree on the object: a tint from few to all of them, and what any and what all take.

import { address } from "./api.js";

const STOPS = [[44, 95, 168], [149, 162, 165], [255, 225, 77]]; // blue to yellow, ever lighter: safe for the colour-blind

function colourOf(value) {
  const place = (value / 255) * (STOPS.length - 1);
  const index = Math.min(Math.floor(place), STOPS.length - 2);
  const [from, to] = [STOPS[index], STOPS[index + 1]];
  const [red, green, blue] = from.map((one, channel) => Math.round(one + (to[channel] - one) * (place - index)));
  return 0xff000000 | (blue << 16) | (green << 8) | red;
}

/** Canvases for the view, and the share of what any try takes that all take; nothing where it cannot be had. */
export async function loadStability(part, { width, height }) {
  const image = new Image();
  image.src = address("stability", part);
  try {
    await image.decode();
  } catch {
    return null;
  }
  const read = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  read.drawImage(image, 0, 0);
  const { data } = read.getImageData(0, 0, width, height);
  const colours = Uint32Array.from({ length: 256 }, (_, value) => (value === 0 ? 0 : colourOf(value)));
  const drawn = ["tint", "any", "all"].map((key) => [key, new Uint32Array(width * height)]);
  const [tint, any, all] = drawn.map(([, pixels]) => pixels);
  let [few, whole] = [0, 0];
  for (let index = 0, place = 0; index < tint.length; index++, place += 4) {
    const value = data[place];
    if (value === 0) continue;
    tint[index] = colours[value];
    any[index] = 0xffffffff;
    few++;
    if (value < 255) continue;
    all[index] = 0xffffffff;
    whole++;
  }
  const canvases = drawn.map(([key, pixels]) => {
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
    return [key, canvas];
  });
  return { ...Object.fromEntries(canvases), share: few ? whole / few : null };
}
