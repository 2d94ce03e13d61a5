// The API as people read it, from the description that tools read.

const made = (kind, text = "", parts = []) => {
  const element = document.createElement(kind);
  element.textContent = text;
  element.append(...parts);
  return element;
};

const curl = (path, method, body) => {
  const at = `${location.origin}${path}`;
  if (method === "get") return `curl ${at}`;
  const field = Object.keys(body.content["multipart/form-data"].schema.properties)[0];
  const more = field === "pictures" ? ` -F ${field}=@other.jpg` : "";
  return `curl -F ${field}=@photo.jpg${more} ${at}`;
};

const pairs = (items) => made("dl", "", items.flatMap(([name, words]) => [made("dt", name), made("dd", words)]));

const sentence = (text = "") => text.replaceAll("\n", " ");

const { paths } = await (await fetch("/openapi.json")).json();
for (const [path, methods] of Object.entries(paths)) {
  for (const [method, one] of Object.entries(methods)) {
    const title = made("h2", "", [made("b", `${method.toUpperCase()} `), path]);
    const parts = [title, made("p", sentence(one.description)), made("pre", curl(path, method, one.requestBody))];
    const asked = (one.parameters ?? []).map((p) => [p.name, sentence(p.description ?? p.schema.enum?.join(", "))]);
    if (asked.length) parts.push(pairs(asked));
    parts.push(pairs(Object.entries(one.responses).map(([status, r]) => [status, sentence(r.description)])));
    document.querySelector("#paths").append(made("section", "", parts));
  }
}
