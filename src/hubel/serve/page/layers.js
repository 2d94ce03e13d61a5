// The network's table. A row under the pointer or in focus shows its cells over the picture; a
// press keeps it there.

import { ask } from "./ask.js";

const $ = (id) => document.getElementById(id);

export function amount(number) {
  for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6]]) {
    if (number >= 1e7 && number >= size) return `${(number / size).toPrecision(3)} ${unit}`;
  }
  return number.toLocaleString("en");
}

export function percent(share) {
  if (share === 0 || share === 1) return `${100 * share} %`;
  if (share > 0.9995) return ">99.9 %";
  return share < 0.0005 ? "<0.1 %" : `${(100 * share).toFixed(1)} %`;
}

export async function showLayers(model, look) {
  let table;
  try {
    table = await ask(`/models/${model}/layers`);
  } catch {
    return; // without torch there is no table, and the page does without
  }
  if (table.model !== $("first").value) return; // another one was chosen meanwhile
  $("sums").textContent =
    `${amount(table.params)} parameters, ${amount(table.macs)} multiplications for a picture. ` +
    "Point at a row to see over the picture what a cell of it sees (blue) and how far apart cells stand (orange); press it to keep it, then move over the picture.";
  const fill = () => {
    look(null);
    rows($("every").checked ? table.layers : table.blocks, look);
  };
  $("every").onchange = fill;
  fill();
  $("network").hidden = false;
}

function rows(lines, look) {
  const most = (word) => Math.max(1, ...lines.map((line) => line[word]));
  const [params, macs] = [most("params"), most("macs")];
  let pinned = null;
  const body = $("layers");
  body.replaceChildren(
    ...lines.map((line) => {
      const row = document.createElement("tr");
      const cell = (text, kind, share) => {
        const td = row.appendChild(document.createElement(row.cells.length ? "td" : "th"));
        td.textContent = text;
        td.className = kind;
        if (share !== undefined) td.style.setProperty("--share", share);
      };
      cell(line.name || "–", "");
      row.cells[0].scope = "row";
      cell(line.times > 1 ? `${line.kind} × ${line.times}` : line.kind, "");
      cell(line.shape.join(" × ") || "–", "n");
      cell(amount(line.params), "n bar", line.params / params);
      cell(amount(line.macs), "n bar", line.macs / macs);
      cell(line.field?.[0] ?? "–", "n");
      cell(line.jump ? Math.round(10 * line.jump[0]) / 10 : "–", "n");
      if (line.field?.[0]) {
        row.className = "map";
        row.tabIndex = 0;
        const pin = () => {
          pinned?.row.classList.remove("pinned");
          pinned = pinned?.row === row ? null : { row, line };
          row.classList.toggle("pinned", pinned !== null);
          look(pinned?.line ?? null);
        };
        for (const kind of ["pointerenter", "focus"]) row.addEventListener(kind, () => look(line));
        for (const kind of ["pointerleave", "blur"]) row.addEventListener(kind, () => look(pinned?.line ?? null));
        row.addEventListener("click", pin);
        row.addEventListener("keydown", (event) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            pin();
          }
        });
      }
      return row;
    }),
  );
}
