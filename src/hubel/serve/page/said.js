// What a model said, in words and rows; the forms of its answers are those of /predict.

const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

export function spoken(said) {
  if (said.told !== undefined) return capital(said.told);
  if (said.labels) return said.labels.join(", ") || "None of them";
  return said.unsure ? "I don’t know" : said.label;
}

// [{class, score, box: [x1, y1, x2, y2], mask}], the surest first.
export function objects({ found }) {
  return found?.objects ?? (found?.box ? [found] : []);
}

// [{label, share, k}]: classes and their probabilities, objects, or the share of each class in a
// map; k is the place of the class where it has a colour of its own.
export function rows(said, classes) {
  const placed = (label, share) => ({ label, share, k: classes.indexOf(label) });
  if (said.found?.shares) {
    const all = Object.entries(said.found.shares).map(([label, share]) => placed(label, share));
    return all.sort((a, b) => b.share - a.share); // JSON's order is lost where classes are called 1, 2, 3
  }
  if (said.found) return objects(said).map((one) => placed(one.class, one.score));
  return said.top.map(({ label, confidence }) => ({ label, share: confidence }));
}

// As the service draws it: hues a golden section of the circle apart.
export function colour(k) {
  const hue = (0.58 + k * 0.618034) % 1;
  const part = (n) => {
    const at = (n + 6 * hue) % 6;
    return Math.round(255 * (1 - 0.75 * Math.max(0, Math.min(at, 4 - at, 1))));
  };
  return [part(5), part(3), part(1)];
}

export function about({ task, network, classes, input }) {
  const few = classes.slice(0, 6).join(", ");
  const told = classes.length > 6 ? `${classes.length.toLocaleString("en")} classes, among them ${few}` : few;
  if (task === "upscale") return `${network} makes small pictures larger.`;
  const does = { detect: "finds", localize: "finds one of", instances: "finds and outlines", segment: "tells for every pixel" };
  return `${network} looks at ${input[0]} × ${input[1]} pixels and ${does[task] ?? "tells"} ${told}.`;
}
