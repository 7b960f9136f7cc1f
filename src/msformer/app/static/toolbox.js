// The tools: what each is called, its key, and its sign.

const path = (d) => `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${d}"/></svg>`;

export const TOOLS = [
  { id: "point", words: "Point", key: "p", help: "Click on the object; right click on what is not it", icon: path("M10 2v5M10 13v5M2 10h5M13 10h5M10 10h.01") },
  { id: "region", words: "Region", key: "g", help: "Regions light up: wheel for larger or smaller, click adds, right click takes away", icon: path("M4 8c0-4 4-5 7-5s6 3 6 7-3 7-7 7-6-5-6-9zM8 9c0-2 2-2 3-2s2 1 2 3-2 2-3 2-2-1-2-3z") },
  { id: "box", words: "Box", key: "x", help: "Drag a box that the object fills", icon: path("M3 4h14v12H3z") },
  { id: "scribble", words: "Draw on", key: "d", help: "Draw a line on the object; with the right button beside it", icon: path("M3 13c3-8 5-8 6-3s3 4 8-5") },
  { id: "brush", words: "Brush", key: "b", help: "Paint; the right button erases", icon: path("M17 3l-8 8M9 11c-3 0-2 4-6 5 4 2 8 0 7-4z") },
  { id: "eraser", words: "Eraser", key: "e", help: "Erase", icon: path("M8 16h9M3 12l7-8 6 5-6 7H6z") },
  { id: "lasso", words: "Lasso", key: "l", help: "Draw around what belongs to it; with the right button around what does not", icon: path("M10 3c5 0 8 2 8 5s-3 5-8 5-8-2-8-5 3-5 8-5zM6 13c-1 2 0 4 2 4") },
  { id: "split", words: "Split", key: "k", help: "Draw a line that parts the mask", icon: path("M4 4c4 0 4 5 4 6s0 6-4 6M16 4c-4 0-4 5-4 6s0 6 4 6M10 2v16") },
  { id: "merge", words: "Merge", key: "m", help: "Draw a line through pieces that belong together", icon: path("M6 6a4 4 0 100 8 4 4 0 000-8zM14 6a4 4 0 100 8 4 4 0 000-8zM6 10h8") },
  { id: "pan", words: "Move", key: "h", help: "Drag the picture; the middle button does that with every tool", icon: path("M10 2v16M2 10h16M10 2L8 4M10 2l2 2M10 18l-2-2M10 18l2-2M2 10l2-2M2 10l2 2M18 10l-2-2M18 10l-2 2") },
];

export const COMMANDS = [
  { id: "fill", words: "Fill holes", key: "f", help: "Fill the holes of the mask", icon: path("M10 3a7 7 0 100 14 7 7 0 000-14zM10 8a2 2 0 100 4 2 2 0 000-4z") },
  { id: "smooth", words: "Smooth", key: "o", help: "Make the border smoother", icon: path("M2 12c3-8 6 8 9 0s5-4 7-4") },
  { id: "clear", words: "Clear", key: "Delete", help: "Take all away", icon: path("M4 6h12M8 6V3h4v3M6 6l1 11h6l1-11") },
];

export const HISTORY = [
  { id: "undo", words: "Undo", key: "Ctrl+Z", help: "Take the last step back", icon: path("M4 8h8a4 4 0 010 8H8M4 8l4-4M4 8l4 4") },
  { id: "redo", words: "Redo", key: "Ctrl+Y", help: "Do again what was taken back", icon: path("M16 8H8a4 4 0 000 8h4M16 8l-4-4M16 8l-4 4") },
];

/** The keys of the sheet that have no button of a tool. */
export const KEYS = [
  ["A", "accept, and go to the next image"],
  ["R", "reject, and go to the next image"],
  ["U", "take accepting or rejecting back"],
  ["← →", "previous and next image"],
  ["Page Up / Down", "next and previous slice"],
  ["Space", "hide the overlays while it is down"],
  ["1 2 3", "part, object, whole: another answer to a click"],
  ["[ ]", "smaller and larger brush, or region"],
  ["Wheel", "zoom; with the region tool or Alt, larger and smaller regions"],
  ["Ctrl + wheel", "zoom, with every tool"],
  ["Middle button", "move the picture"],
  ["+ − 0", "zoom in, out, whole picture"],
  ["V", "outline, tint, both"],
  ["C", "clusters"],
  ["S", "stability: how far several tries agree"],
  ["Shift + arrows", "move the cross over the picture"],
  ["Enter", "click at the cross; with Shift the other button"],
  ["Esc", "give up what was begun"],
  ["?", "this sheet"],
];

/** Put a group of buttons into the rail; pressed: what a button does. */
export function addButtons(rail, tools, pressed) {
  for (const tool of tools) {
    const button = document.createElement("button");
    button.type = "button";
    button.id = `tool-${tool.id}`;
    button.title = `${tool.help} (${tool.key.length === 1 ? tool.key.toUpperCase() : tool.key})`;
    button.innerHTML = tool.icon; // of this file, nobody else's words
    const words = document.createElement("span");
    words.textContent = tool.words;
    button.append(words);
    button.addEventListener("click", () => pressed(tool.id));
    rail.append(button);
  }
}
