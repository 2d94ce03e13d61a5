// What is drawn over a picture: heat, a feature map, boxes and masks, a receptive field. All places
// are in the picture's own pixels; `seen` is the part of it that the network saw.

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const COLOURS = ["#2c68be", "#d66018", "#3d9a6c", "#a05bc0", "#b8902a", "#c2476b", "#2a9aa8"];

export function clear(canvas, img) {
  const ratio = devicePixelRatio || 1;
  canvas.style.left = `${img.offsetLeft}px`;
  canvas.style.top = `${img.offsetTop}px`;
  canvas.style.width = `${img.clientWidth}px`;
  canvas.style.height = `${img.clientHeight}px`;
  canvas.width = Math.round(img.clientWidth * ratio);
  canvas.height = Math.round(img.clientHeight * ratio);
  return canvas.getContext("2d");
}

// From here on one unit is a pixel of the picture.
export function inPixels(context, picture) {
  const { width, height } = context.canvas;
  context.setTransform(width / picture.width, 0, 0, height / picture.height, 0, 0);
  return picture.width / width; // the size of a pixel of the screen
}

export function heat(context, image, seen, strength) {
  context.globalAlpha = strength;
  context.drawImage(image, ...seen);
  context.globalAlpha = 1;
}

export function map(context, strip, index, cells, seen) {
  const [h, w] = cells;
  context.imageSmoothingEnabled = false;
  context.globalAlpha = 0.85;
  context.drawImage(strip, index * w, 0, w, h, ...seen);
  context.globalAlpha = 1;
  context.imageSmoothingEnabled = true;
}

// The cell of a layer nearest to a place (x, y in the picture), and what it sees.
export function cellAt(layer, seen, input, place) {
  const [left, top, width, height] = seen;
  const scale = [height / input[0], width / input[1]];
  const at = [(place[1] - top) / scale[0], (place[0] - left) / scale[1]];
  const cell = at.map((value, axis) => {
    const count = layer.shape[layer.shape.length - 2 + axis];
    const near = Math.round((value - 0.5 - layer.offset[axis]) / layer.jump[axis]);
    return Math.min(count - 1, Math.max(0, near));
  });
  const box = (axis, size) => {
    const middle = layer.offset[axis] + cell[axis] * layer.jump[axis] + 0.5;
    const start = [top, left][axis];
    return [start + (middle - size / 2) * scale[axis], size * scale[axis]];
  };
  const rect = (sizes) => {
    const [y, h] = box(0, sizes[0]);
    const [x, w] = box(1, sizes[1]);
    return [x, y, w, h];
  };
  return { cell, field: rect(layer.field), step: rect(layer.jump) };
}

export function field(context, found, picture, unit) {
  const [x, y, w, h] = found.field;
  context.fillStyle = style("--ground");
  context.globalAlpha = 0.6;
  context.beginPath();
  context.rect(0, 0, picture.width, picture.height);
  context.rect(x, y, w, h);
  context.fill("evenodd");
  context.globalAlpha = 1;
  context.strokeStyle = `rgb(${style("--hit")})`;
  context.lineWidth = 2 * unit;
  context.strokeRect(x, y, w, h);
  context.strokeStyle = `rgb(${style("--miss")})`;
  context.strokeRect(...found.step);
}

// [{label, confidence, box: [x1, y1, x2, y2], mask}], the colour by the class.
export function objects(context, found, classes, unit) {
  for (const one of found) {
    const colour = COLOURS[Math.max(0, classes.indexOf(one.label)) % COLOURS.length];
    if (one.mask) context.drawImage(painted(one.mask, colour), 0, 0);
    if (!one.box) continue;
    const [x1, y1, x2, y2] = one.box;
    context.strokeStyle = colour;
    context.lineWidth = 2 * unit;
    context.strokeRect(x1, y1, x2 - x1, y2 - y1);
    context.font = `600 ${13 * unit}px system-ui, sans-serif`;
    const words = `${one.label} ${Math.round(100 * one.confidence)} %`;
    const wide = context.measureText(words).width + 10 * unit;
    const up = y1 > 20 * unit ? y1 - 20 * unit : y1;
    context.fillStyle = colour;
    context.fillRect(x1 - unit, up, wide, 20 * unit);
    context.fillStyle = "#fff";
    context.fillText(words, x1 + 4 * unit, up + 14.5 * unit);
  }
}

// COCO's run lengths {size: [h, w], counts}, column by column, as a half transparent picture.
function painted(mask, colour) {
  const [h, w] = mask.size;
  const canvas = new OffscreenCanvas(w, h);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(w, h);
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  let at = 0;
  mask.counts.forEach((run, i) => {
    for (const end = at + run; at < end; at++) {
      if (i % 2) pixels.data.set([r, g, b, 110], 4 * ((at % h) * w + Math.floor(at / h)));
    }
  });
  context.putImageData(pixels, 0, 0);
  return canvas;
}
