// Curves as SVG: round ticks, one colour a run, the values under the pointer.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [420, 240, 54, 12, 10, 26];

function made(kind, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

function ticks(low, high, about = 4) {
  const raw = (high - low) / about || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((size) => raw <= size * 1.0001);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-6); n <= high / step + 1e-6; n++) found.push(n * step);
  return found;
}

const short = (value, shares) => {
  if (shares) return `${+(100 * value).toPrecision(4)} %`;
  return value && Math.abs(value) < 1e-3 ? value.toExponential(1) : `${+value.toPrecision(3)}`;
};

// lines: [{name, colour, faint, points: [[x, y], ...]}]; `shares` are shown in percent up to 1.
export function chart(title, lines, { shares = false, along = "epoch" } = {}) {
  const figure = document.createElement("figure");
  figure.appendChild(document.createElement("figcaption")).textContent = title;
  lines = lines.map((line) => ({ ...line, points: line.points.filter(([, y]) => y !== null && y !== undefined) }));
  lines = lines.filter((line) => line.points.length);
  const all = lines.flatMap((line) => line.points);
  if (!all.length) {
    figure.appendChild(document.createElement("p")).textContent = "Nothing yet.";
    return figure;
  }
  const [xs, ys] = [all.map(([x]) => x), all.map(([, y]) => y)];
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  let [y0, y1] = shares ? [Math.min(...ys), 1] : [Math.min(0, ...ys), Math.max(...ys)];
  if (y1 <= y0) y1 = y0 + 1;
  const marks = ticks(y0, y1);
  const step = marks.length > 1 ? marks[1] - marks[0] : y1 - y0;
  y0 = Math.floor(y0 / step + 1e-6) * step;
  y1 = shares ? 1 : Math.ceil(y1 / step - 1e-6) * step;
  const at = (x, y) => [
    LEFT + (x1 > x0 ? (x - x0) / (x1 - x0) : 0.5) * (WIDTH - LEFT - RIGHT),
    TOP + ((y1 - y) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM),
  ];
  const last = lines.map((line) => `${line.name} ${short(line.points.at(-1)[1], shares)}`).join("; ");
  const svg = made("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title} by ${along}: ${last}` });
  for (const y of ticks(y0, y1)) {
    const down = at(x0, y)[1];
    svg.append(made("path", { class: "grid", d: `M${LEFT} ${down}H${WIDTH - RIGHT}` }));
    svg.append(made("text", { x: LEFT - 8, y: down + 4, class: "end" }, short(y, shares)));
  }
  for (const x of ticks(x0, x1, 5).filter((x) => Number.isInteger(x))) {
    svg.append(made("text", { x: at(x, y0)[0], y: HEIGHT - 6, class: "middle" }, x.toLocaleString("en")));
  }
  for (const line of lines) {
    const path = line.points.map(([x, y]) => at(x, y).map((v) => v.toFixed(1)).join(" ")).join("L");
    svg.append(made("path", { class: `line ${line.colour}${line.faint ? " faint" : ""}`, d: `M${path}` }));
    const [cx, cy] = at(...line.points.at(-1));
    if (!line.faint) svg.append(made("circle", { class: line.colour, cx, cy, r: 2.5 }));
  }
  figure.append(svg, values(svg, lines, { x0, x1, shares, along }));
  return figure;
}

// The values of every line at the pointer's place; without a pointer, the last ones.
function values(svg, lines, { x0, x1, shares, along }) {
  const legend = document.createElement("p");
  legend.className = "legend";
  const cursor = svg.appendChild(made("path", { class: "cursor" }));
  const show = (x) => {
    legend.replaceChildren();
    for (const line of lines) {
      const near = x === null ? line.points.at(-1) : nearest(line.points, x);
      const item = legend.appendChild(document.createElement("span"));
      item.className = `${line.colour}${line.faint ? " faint" : ""}`;
      item.append(`${line.name} `);
      item.appendChild(document.createElement("b")).textContent = short(near[1], shares);
      item.title = `${along} ${near[0].toLocaleString("en")}`;
    }
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const right = ((event.clientX - box.left) / box.width) * WIDTH;
    const share = Math.min(1, Math.max(0, (right - LEFT) / (WIDTH - LEFT - RIGHT)));
    cursor.setAttribute("d", `M${LEFT + share * (WIDTH - LEFT - RIGHT)} ${TOP}V${HEIGHT - BOTTOM}`);
    show(x0 + share * (x1 - x0));
  });
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("d", "");
    show(null);
  });
  show(null);
  return legend;
}

function nearest(points, x) {
  return points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best));
}

// The course of a score as a small line.
export function spark(values) {
  const svg = made("svg", { viewBox: "0 0 120 36", preserveAspectRatio: "none", "aria-hidden": "true", class: "spark" });
  const known = values.filter((value) => value !== null);
  if (known.length > 1) {
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const at = (value, i) => `${(2 + (i / (known.length - 1)) * 116).toFixed(1)} ${(33 - ((value - low) / (high - low || 1)) * 30).toFixed(1)}`;
    svg.append(made("path", { class: "line a", "vector-effect": "non-scaling-stroke", d: `M${known.map(at).join("L")}` }));
  }
  return svg;
}
