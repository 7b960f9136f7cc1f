"use strict";
// The data come by two calls: msformer.cases(number, details of a chunk) and, once, msformer.index(columns).
// All text is of strangers: it becomes text of elements and attributes here, and never markup.
const msformer = (() => {
  const PAGE = 50;
  const STATES = {
    segmented: "segmented", changed: "changed by learning", corrected: "corrected by hand", failed: "failed",
  };
  const byId = (id) => document.getElementById(id);
  const form = byId("controls"), list = byId("cases"), pageField = byId("page");
  const chunks = new Map(), loading = new Map(), orders = new Map();
  let index = null, lowered = [], shown = [], page = 0, turn = 0;

  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  // Orders: places of all cases, made once each; the index is in the first of them already.

  const descending = (column) => (a, b) => (column[b] ?? -1) - (column[a] ?? -1) || a - b;
  const COMPARE = {
    trust: () => null,
    certain: () => descending(index.confidences),
    worth: () => descending(index.worths),
    slow: () => descending(index.seconds),
    name: () => {
      const collator = new Intl.Collator(undefined, { numeric: true });
      return (a, b) => collator.compare(index.names[a], index.names[b]) || a - b;
    },
  };

  function ordered(name) {
    if (!orders.has(name)) {
      const places = Array.from(index.names.keys());
      const compare = COMPARE[name]();
      orders.set(name, compare === null ? places : places.sort(compare));
    }
    return orders.get(name);
  }

  function matching() {
    const value = Object.fromEntries(new FormData(form));
    const find = value.find.toLowerCase();
    const low = value.low === "" ? null : Number(value.low), high = value.high === "" ? null : Number(value.high);
    const hasRange = low !== null || high !== null;
    return ordered(value.order).filter((at) => {
      const confidence = index.confidences[at];
      return lowered[at].includes(find)
        && (value.state === "" || index.states[at] === value.state)
        && (value.preset === "" || index.presets[at] === Number(value.preset))
        && (value.reason === "" || index.reasons[at] === Number(value.reason))
        && (!hasRange || (confidence !== null && confidence >= (low ?? 0) && confidence <= (high ?? 1)));
    });
  }

  // Cases

  function load(number) {
    if (chunks.has(number)) return Promise.resolve();
    if (!loading.has(number)) {
      loading.set(number, new Promise((resolve) => {
        const script = make("script", { src: chunkAddress(number) });
        script.onload = script.onerror = () => {
          script.remove();
          loading.delete(number); // what could not be read is tried again the next time
          resolve();
        };
        document.head.append(script);
      }));
    }
    return loading.get(number);
  }

  const chunkAddress = (number) => `${index.folder}cases-${String(number + 1).padStart(4, "0")}.js`;

  function picture(details, name) {
    if (details.picture === null) return noPicture();
    const image = make("img", {
      loading: "lazy", decoding: "async", alt: `image, clusters and outline of the mask of ${name}`,
      width: 960, height: Math.max(Math.round(960 / details.ratio), 1),
    });
    image.onerror = () => image.replaceWith(noPicture());
    image.src = details.picture;
    return image;
  }

  const noPicture = () => make("p", { className: "none", textContent: "no preview" });

  function entry(at) {
    const name = index.names[at], state = index.states[at];
    const number = Math.floor(at / index.chunk), details = chunks.get(number)?.[at % index.chunk];
    const title = make("h2", { textContent: name });
    if (state !== "segmented") title.append(make("span", { className: "mark", textContent: STATES[state] }));
    const article = make("article", { className: state }, title);
    article.dataset.name = name;
    if (details === undefined) {
      article.append(make("p", { textContent: `${chunkAddress(number)} cannot be read; it belongs to this page` }));
      return article;
    }
    if (details.picture !== undefined) article.append(picture(details, name));
    article.append(make("p", { textContent: details.facts.join(" · ") }));
    if (details.files !== undefined) {
      const links = details.files.map(([word, address]) => {
        const link = make("a", { href: address, textContent: word });
        link.setAttribute("aria-label", `${word} of ${name}`);
        return link;
      });
      article.append(make("p", { className: "files" }, ...links));
    }
    return article;
  }

  async function draw() {
    const mine = ++turn;
    const pages = Math.max(Math.ceil(shown.length / PAGE), 1);
    page = Math.min(Math.max(page, 0), pages - 1);
    const places = shown.slice(page * PAGE, (page + 1) * PAGE);
    list.setAttribute("aria-busy", "true");
    await Promise.all([...new Set(places.map((at) => Math.floor(at / index.chunk)))].map(load));
    if (mine !== turn) return; // somebody has gone on
    list.replaceChildren(...places.map(entry));
    list.removeAttribute("aria-busy");
    const number = (value) => value.toLocaleString("en");
    const all = index.names.length, first = page * PAGE;
    const of = shown.length === all ? number(all) : `${number(shown.length)} (of ${number(all)})`;
    byId("count").textContent = places.length ? `${number(first + 1)}–${number(first + places.length)} of ${of}`
      : `none of ${number(all)}`;
    pageField.value = page + 1;
    pageField.max = pages;
    byId("pages").textContent = `of ${number(pages)}`;
    for (const part of [byId("more"), ...document.querySelectorAll(".pages")]) part.hidden = pages === 1;
    for (const button of document.querySelectorAll("[data-step]")) {
      button.disabled = page + Number(button.dataset.step) < 0 || page + Number(button.dataset.step) >= pages;
    }
    remember();
  }

  function filter() {
    shown = matching();
    page = 0;
    mark();
    return draw();
  }

  function turnTo(next) {
    const before = page;
    page = next;
    return draw().then(() => {
      if (page === before) return;
      list.focus({ preventScroll: true });
      list.scrollIntoView();
    });
  }

  // What is chosen stays in the address, so that coming back from a file, or a reload, finds it again.

  function remember() {
    const chosen = [...new FormData(form)].filter(([name, value]) => value !== "" && value !== "trust");
    if (page > 0) chosen.push(["page", page + 1]);
    try {
      history.replaceState(null, "", `#${new URLSearchParams(chosen)}`);
    } catch { /* browsers that allow so many changes in a while keep the one before */ }
  }

  function recall() {
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
      const control = form.elements[name];
      if (name === "page") page = Number(value) - 1 || 0;
      else if (control instanceof HTMLSelectElement) {
        if ([...control.options].some((option) => option.value === value)) control.value = value;
      } else if (control instanceof HTMLInputElement) control.value = value;
    }
  }

  // Controls

  function counts(column) {
    const found = new Map();
    for (const value of column) found.set(value, (found.get(value) ?? 0) + 1);
    return found;
  }

  function choices(name, rows) {
    const control = form.elements[name];
    for (const [value, words, count] of rows) control.append(new Option(`${words} (${count})`, value));
    control.closest("label").hidden = rows.length === 0;
  }

  function mark() {
    for (const button of byId("failures").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.value === form.elements.reason.value));
    }
  }

  function prepare() {
    const states = counts(index.states), presets = counts(index.presets), reasons = counts(index.reasons);
    choices("state", Object.keys(STATES).filter((key) => states.has(key))
      .map((key) => [key, STATES[key], states.get(key)]));
    choices("preset", index.preset_names.map((name, at) => [at, name, presets.get(at)]));
    const failures = index.reason_texts.map((text, at) => [at, text, reasons.get(at)])
      .sort((a, b) => b[2] - a[2] || a[0] - b[0]);
    choices("reason", failures);
    if (index.worths.every((worth) => worth === null)) form.querySelector("[value=worth]").remove();
    if (failures.length) {
      const box = byId("failures");
      box.querySelector("summary").textContent = `${states.get("failed").toLocaleString("en")} failed, by reason`;
      box.querySelector("ul").append(...failures.map(([at, text, count]) =>
        make("li", {}, make("button", { type: "button", value: at, textContent: `${count} × ${text}` }))));
      box.hidden = false;
      box.addEventListener("click", (event) => {
        if (!(event.target instanceof HTMLButtonElement)) return;
        const control = form.elements.reason;
        control.value = control.value === event.target.value ? "" : event.target.value;
        filter();
      });
    }
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter)); // after the fields are what they were
    pageField.addEventListener("change", () => turnTo(Math.trunc(Number(pageField.value)) - 1 || 0));
    for (const button of document.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => turnTo(page + Number(button.dataset.step)));
    }
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select")) return;
      if (event.key === "ArrowRight") turnTo(page + 1);
      else if (event.key === "ArrowLeft") turnTo(page - 1);
      else if (event.key === "/") form.elements.find.focus();
      else return;
      event.preventDefault();
    });
  }

  function start(columns) {
    index = columns;
    lowered = index.names.map((name) => name.toLowerCase());
    prepare();
    recall();
    form.hidden = byId("pager").hidden = false;
    shown = matching();
    mark();
    draw();
  }

  return { cases: (number, details) => chunks.set(number, details), index: start };
})();
