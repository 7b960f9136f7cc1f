// Packed pixels from the program: a box of rows and columns, eight pixels in a byte, deflated where they are a change.

export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

export async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Take a change of a mask to pieces: its box, and its bits row by row without gaps. */
export async function changeOf(said) {
  const [top, left, height, width] = said.box;
  const bits = height * width === 0 ? new Uint8Array() : await inflated(bytesOf(said.bits));
  return { top, left, height, width, bits };
}

/** Turn the pixels of a change over in a mask of one byte a pixel. */
export function apply(change, mask, columns) {
  const { top, left, height, width, bits } = change;
  let index = 0;
  for (let row = 0; row < height; row++) {
    let place = (top + row) * columns + left;
    for (let column = 0; column < width; column++, index++, place++) {
      if (bits[index >> 3] & (128 >> (index & 7))) mask[place] ^= 1;
    }
  }
}
