// The widget of notebooks: the page's easel in a shadow root, so that neither style reaches the other.

import { Easel } from "../static/easel.js";
import { MARKUP, STYLE } from "./parts.js"; // made by bundle.py
import { Wire } from "./wire.js";

const PATIENCE_MS = 8000;
const BAR = `<header><h2>msformer</h2><span id="saved"></span>
  <button id="help" type="button" aria-haspopup="dialog" title="Keys (?)">Keys</button></header>`;

/** Whether what lies behind an element is dark, by the first ground that is painted: notebooks have themes of their own. */
function isDark(element) {
  for (let one = element; one; one = one.parentElement ?? one.getRootNode().host) {
    const [red, green, blue, opacity = 1] = (getComputedStyle(one).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
    if (opacity > 0.5) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Be light or dark as the notebook is; gives what ends that. */
function followTheme(host) {
  const look = () => {
    const is = isDark(host.parentElement ?? document.body);
    host.toggleAttribute("data-dark", is);
    host.style.colorScheme = is ? "dark" : "light";
  };
  const themes = new MutationObserver(look);
  for (const one of [document.documentElement, document.body]) themes.observe(one, { attributes: true });
  const seen = new ResizeObserver(look); // a cell may be put in its place after it was made
  seen.observe(host);
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", look);
  return () => {
    themes.disconnect();
    seen.disconnect();
    system.removeEventListener("change", look);
  };
}

async function begin(easel, wire) {
  easel.notice("Opening …", "", "busy");
  const slow = setTimeout(() => easel.notice("Waiting for Python", "It is busy, or does not run any more."), PATIENCE_MS);
  try {
    const shown = await wire.get("case");
    await easel.show(shown, shown.certain);
  } catch (error) {
    easel.notice("This image cannot be shown", error.message, "error");
  } finally {
    clearTimeout(slow);
  }
}

/** Keep the keys that are pressed here from the notebook, which has others with the same names. */
function takeKeys(box, easel) {
  box.addEventListener("keydown", (event) => {
    easel.key(event);
    event.stopPropagation();
  });
  box.addEventListener("keyup", (event) => event.key === " " && easel.hide(false));
  box.addEventListener("focusout", () => easel.hide(false));
}

function render({ model, el }) {
  const host = document.createElement("div");
  host.className = "msformer-edit";
  host.dataset.lmSuppressShortcuts = "true"; // of JupyterLab, as are its menus
  host.dataset.jpSuppressContextMenu = "true";
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML = `<style>${STYLE}</style><div id="widget">${BAR}<div id="table">${MARKUP}</div></div>`; // no one else's words
  el.append(host);
  const wire = new Wire(model);
  const easel = new Easel(root, wire);
  const box = root.getElementById("widget");
  takeKeys(box, easel);
  const sized = () => box.style.setProperty("--height", `${model.get("height")}px`);
  /** Python went on by itself, or another view of the same widget did. */
  const moved = async () => {
    await easel.queue;
    if (easel.now && easel.now.revision < model.get("revision")) await easel.reload();
  };
  model.on("change:height", sized);
  model.on("change:revision", moved);
  sized();
  const endTheme = followTheme(host);
  begin(easel, wire);
  host.msformer = { view: easel.view, pointer: easel.pointer, isQuiet: () => easel.waiting === 0 && easel.now !== null };
  return () => {
    endTheme();
    wire.end();
    model.off("change:height", sized);
    model.off("change:revision", moved);
  };
}

export default { render };
