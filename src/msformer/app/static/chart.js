// A small chart of lines that go on growing, and what it says in words.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [340, 150, 40, 20, 8, 8];
const DECADES = 5; // below the largest value; what is smaller lies on the ground

function shape(name, attributes, text = "") {
  const one = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  one.textContent = text;
  return one;
}

const rounded = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

/**
 * Draw lines (key, words, colour, dash) of values over steps into an svg, and their last values into a list.
 *
 * Values are drawn by their logarithms: the first steps change them a hundredfold, and the later ones count as well.
 */
export function chart(svg, legend, lines, values, steps, step) {
  const all = lines.flatMap(({ key }) => values[key]).filter((value) => value > 0);
  const top = Math.ceil(Math.log10(Math.max(...all, 1e-9)));
  const bottom = Math.max(Math.min(Math.floor(Math.log10(Math.min(...all, 1e9))), top - 1), top - DECADES);
  const count = values[lines[0].key].length;
  const every = count > 1 ? (step - 1) / (count - 1) : 1; // of a long loop not every step is here
  const x = (index) => LEFT + ((WIDTH - LEFT - RIGHT) * index * every) / Math.max(steps - 1, 1);
  const y = (value) =>
    TOP + ((HEIGHT - BOTTOM - TOP) * (top - Math.max(Math.log10(Math.max(value, 1e-30)), bottom))) / (top - bottom);
  const shapes = [];
  for (let power = bottom; power <= top; power++) {
    const height = y(10 ** power);
    shapes.push(shape("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: height, y2: height, class: "grid" }));
    shapes.push(shape("text", { x: LEFT - 4, y: height + 3.5, "text-anchor": "end" }, Number((10 ** power).toPrecision(1))));
  }
  shapes.push(shape("text", { x: LEFT, y: HEIGHT - 5 }, "1"));
  shapes.push(shape("text", { x: WIDTH - RIGHT, y: HEIGHT - 5, "text-anchor": "end" }, steps));
  shapes.push(shape("text", { x: (WIDTH + LEFT) / 2, y: HEIGHT - 5, "text-anchor": "middle" }, "step"));
  for (const { key, colour, dash } of [...lines].reverse()) {
    const points = values[key].map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
    const style = `stroke: var(${colour})`;
    const line = shape("polyline", { points: points.join(" "), "stroke-dasharray": dash });
    line.style.cssText = style;
    const [endX, endY] = points.at(-1).split(",");
    const end = shape("circle", { cx: endX, cy: endY, r: 2.6 });
    end.style.cssText = `fill: var(${colour})`;
    shapes.push(line, end);
  }
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.replaceChildren(...shapes);
  const told = lines.map(({ key, words }) => `${words} from ${rounded(values[key][0])} to ${rounded(values[key].at(-1))}`);
  svg.setAttribute("aria-label", `Losses at step ${step} of ${steps}: ${told.join("; ")}`);
  legend.replaceChildren(
    ...lines.map(({ key, words, colour, dash }) => {
      const item = document.createElement("li");
      const sign = shape("svg", { viewBox: "0 0 26 8", "aria-hidden": "true" });
      const line = shape("line", { x1: 0, x2: 26, y1: 4, y2: 4, "stroke-dasharray": dash });
      line.style.cssText = `stroke: var(${colour})`;
      sign.append(line);
      const value = document.createElement("b");
      value.textContent = rounded(values[key].at(-1));
      item.append(sign, words, value);
      return item;
    }),
  );
}
