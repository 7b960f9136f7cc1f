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

  // The full-size picture may be missing where the page was moved without its folders; then the small one stands in.

  function picture(details, name, at) {
    if (details.picture === null) return make("div", { className: "look" }, noPicture());
    const image = make("img", {
      loading: "lazy", decoding: "async", alt: `image, clusters and outline of the mask of ${name}`,
      width: 960, height: Math.max(Math.round(960 / details.ratio), 1),
    });
    image.onerror = () => image.replaceWith(noPicture());
    image.src = details.picture;
    const small = open(make("a", { href: details.full ?? details.picture }, image), at, name);
    if (details.slices === undefined || details.full === null) return make("div", { className: "look" }, small);
    const strip = make("img", { loading: "lazy", decoding: "async", alt: `${details.slices} of ${name}, with the outline` });
    strip.onerror = () => strip.closest(".strip").replaceWith(small);
    strip.height = 232;
    strip.width = Math.round(232 * details.strip);
    strip.src = details.full;
    const row = make("div", { className: "strip", tabIndex: 0 }, open(make("a", { href: details.full }, strip), at, name));
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", `Slices of ${name}`);
    return make("div", { className: "look" }, row);
  }

  function open(link, at, name) {
    link.setAttribute("aria-label", `${name} at full size`);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab, as of any link
      event.preventDefault();
      viewer.show(at);
    });
    return link;
  }

  const noPicture = () => make("p", { className: "none", textContent: "no preview" });
  const detailsOf = (at) => chunks.get(Math.floor(at / index.chunk))?.[at % index.chunk];

  function entry(at) {
    const name = index.names[at], state = index.states[at], details = detailsOf(at);
    const title = make("h2", { textContent: name });
    if (state !== "segmented") title.append(make("span", { className: "mark", textContent: STATES[state] }));
    const about = make("div", { className: "about" }, title);
    const article = make("article", { className: state }, about);
    article.dataset.name = name;
    if (details === undefined) {
      const address = chunkAddress(Math.floor(at / index.chunk));
      about.append(make("p", { textContent: `${address} cannot be read; it belongs to this page` }));
      return article;
    }
    if (details.picture !== undefined) article.prepend(picture(details, name, at));
    if (details.sure !== undefined) {
      const [words, kind] = details.sure;
      about.append(make("p", { className: `sure ${kind}`, textContent: words }));
    }
    about.append(...details.facts.map((fact) => make("p", { className: "why", textContent: fact })));
    if (details.files !== undefined) {
      const links = details.files.map(([word, address]) => {
        const link = make("a", { href: address, textContent: word });
        link.setAttribute("aria-label", `${word} of ${name}`);
        return link;
      });
      about.append(make("p", { className: "files" }, ...links));
    }
    if (details.how !== undefined) {
      const how = details.how.map((text) => make("p", { className: "soft", textContent: text }));
      about.append(make("details", {}, make("summary", { textContent: "How it was made" }), ...how));
    }
    return article;
  }

  // A case at full size

  const viewer = (() => {
    const dialog = byId("viewer"), stage = byId("viewer-stage");
    let at = -1, shows = "overlay", zoom = 0, image = null, grip = null;

    const fit = () => Math.min(stage.clientWidth / image.naturalWidth, stage.clientHeight / image.naturalHeight, 4);

    /** Zoom about a place of the stage; 0 is all of the picture. */
    function scale(next, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
      if (!image?.naturalWidth) return;
      const before = zoom || fit(), box = image.getBoundingClientRect(), edge = stage.getBoundingClientRect();
      const column = (x + edge.left - box.left) / before, row = (y + edge.top - box.top) / before;
      zoom = next === 0 ? 0 : Math.min(Math.max(next, Math.min(fit(), 0.05)), 16);
      const now = zoom || fit();
      image.style.width = `${Math.max(image.naturalWidth * now, 1)}px`;
      image.classList.toggle("near", now >= 2); // pixels as they are
      stage.classList.toggle("near", now > fit());
      stage.scrollLeft = column * now - x;
      stage.scrollTop = row * now - y;
      byId("zoom").textContent = `${Math.round(now * 100)} %`;
    }

    /** Show what is chosen of the case; the small picture where that is not there. */
    function draw(keepsZoom) {
      const details = detailsOf(at), name = index.names[at];
      const source = shows === "colours" ? details.colours ?? details.full : details.full;
      const words = shows === "colours" ? "clusters" : "image with the outline";
      image = make("img", { alt: `${words} of ${name}`, draggable: false });
      const place = keepsZoom ? [stage.scrollLeft, stage.scrollTop] : [0, 0];
      image.onload = () => {
        const isStrip = details.slices !== undefined && image.naturalWidth > 2 * image.naturalHeight;
        scale(keepsZoom ? zoom : isStrip ? Math.min(1, stage.clientHeight / image.naturalHeight) : 0);
        stage.scrollTo(...place);
      };
      image.onerror = () => {
        if (details.picture && image.src !== new URL(details.picture, location.href).href) image.src = details.picture;
        else image.replaceWith(make("p", { textContent: "no picture" }));
      };
      stage.replaceChildren(image);
      image.src = source ?? details.picture;
      byId("viewer-name").textContent = name;
      const sure = details.sure?.[0] ?? "";
      byId("viewer-words").textContent = [sure, details.slices, ...(shows === "colours" ? [`${details.clusters} clusters, 1 the darkest`] : [])]
        .filter((text) => text).join(" · ");
      for (const button of dialog.querySelectorAll("[data-shows]")) {
        button.setAttribute("aria-pressed", String(button.dataset.shows === shows));
        button.disabled = button.dataset.shows === "colours" && !details.colours;
      }
      const seen = looked();
      for (const button of dialog.querySelectorAll("[data-beside]")) {
        button.disabled = seen[seen.indexOf(at) + Number(button.dataset.beside)] === undefined;
      }
    }

    /** The cases of this page that have a picture. */
    const looked = () => shown.slice(page * PAGE, (page + 1) * PAGE).filter((one) => detailsOf(one)?.picture);

    function beside(step) {
      const seen = looked(), next = seen[seen.indexOf(at) + step];
      if (next === undefined) return;
      at = next;
      zoom = 0;
      draw(false);
    }

    function turn(to) {
      if (to === "colours" && !detailsOf(at).colours) return;
      shows = to;
      draw(true);
    }

    const STEPS = {
      in: () => scale((zoom || fit()) * 1.5), out: () => scale((zoom || fit()) / 1.5), fit: () => scale(0), native: () => scale(1),
    };
    const KEYS = {
      "+": STEPS.in, "=": STEPS.in, "-": STEPS.out, 0: STEPS.fit, 1: STEPS.native, ArrowLeft: () => beside(-1),
      ArrowRight: () => beside(1), c: () => turn(shows === "colours" ? "overlay" : "colours"),
    };
    dialog.addEventListener("click", ({ target }) => {
      const { zoom: step, shows: what, beside: way } = target.dataset;
      if (step) STEPS[step]();
      else if (what) turn(what);
      else if (way) beside(Number(way));
      else if (target.id === "viewer-close") dialog.close();
    });
    dialog.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const isScrolled = event.target === stage && stage.classList.contains("near") && event.key.startsWith("Arrow");
      const act = isScrolled ? null : KEYS[event.key.toLowerCase()] ?? KEYS[event.key];
      event.stopPropagation(); // the list behind it stays where it is
      if (!act) return;
      act();
      event.preventDefault();
    });
    dialog.addEventListener("close", () => {
      [...list.children].find((one) => one.dataset.name === index.names[at])?.querySelector(".look a")?.focus();
    });
    stage.addEventListener("wheel", (event) => {
      if (event.shiftKey || event.deltaX !== 0) return; // sideways along a strip
      event.preventDefault();
      const edge = stage.getBoundingClientRect();
      scale((zoom || fit()) * 1.2 ** -Math.sign(event.deltaY), event.clientX - edge.left, event.clientY - edge.top);
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return; // a finger scrolls by itself
      grip = { x: event.clientX, y: event.clientY, left: stage.scrollLeft, top: stage.scrollTop, isMoved: false };
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => {
      if (grip === null) return;
      const x = event.clientX - grip.x, y = event.clientY - grip.y;
      grip.isMoved ||= Math.abs(x) + Math.abs(y) > 4;
      stage.classList.toggle("held", grip.isMoved);
      stage.scrollTo(grip.left - x, grip.top - y);
    });
    stage.addEventListener("pointercancel", () => { grip = null; });
    stage.addEventListener("pointerup", (event) => {
      const isClick = grip !== null && !grip.isMoved;
      grip = null;
      stage.classList.remove("held");
      if (!isClick) return;
      const edge = stage.getBoundingClientRect(), isNear = stage.classList.contains("near");
      scale(isNear ? 0 : 1, event.clientX - edge.left, event.clientY - edge.top);
    });
    window.addEventListener("resize", () => dialog.open && zoom === 0 && scale(0));

    return {
      show(place) {
        [at, zoom, shows] = [place, 0, "overlay"];
        dialog.showModal();
        draw(false);
        stage.focus();
      },
    };
  })();

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
    byId("filters").open = window.innerWidth > 640 || location.hash.length > 1; // on a telephone the cases come first
    shown = matching();
    mark();
    draw();
  }

  return { cases: (number, details) => chunks.set(number, details), index: start };
})();
