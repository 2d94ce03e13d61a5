// What each stage sees: its maps as buttons; one under the pointer or in focus is handed to `lay`.

export async function loaded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

export async function showStages(place, stages, lay) {
  const parts = await Promise.all(
    stages.map(async (stage) => {
      const [h, w] = stage.cells;
      const title = document.createElement("h3");
      title.textContent = stage.layer;
      title.appendChild(document.createElement("small")).textContent = `${stage.width} maps of ${h} × ${w} cells`;
      const list = document.createElement("ul");
      const strip = await loaded(stage.maps);
      stage.channels.forEach((channel, index) => {
        const button = document.createElement("button");
        button.type = "button";
        button.setAttribute("aria-label", `Map ${channel} of ${stage.layer} over the picture`);
        const canvas = button.appendChild(document.createElement("canvas"));
        [canvas.width, canvas.height] = [w, h];
        canvas.getContext("2d").drawImage(strip, -index * w, 0);
        const map = { strip, index, cells: stage.cells };
        for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, () => lay(map));
        for (const kind of ["pointerleave", "blur"]) button.addEventListener(kind, () => lay(null));
        list.appendChild(document.createElement("li")).append(button);
      });
      return [title, list];
    }),
  );
  place.replaceChildren(...parts.flat());
}
