// Speaks with the service; where it asks for a token, the page asks its user, once per tab.

const key = document.querySelector("#key");

export async function ask(path, init = {}) {
  for (;;) {
    const token = sessionStorage.getItem("token");
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch(path, { ...init, headers }).catch(() => null);
    if (answer?.status === 401 && key) {
      await given();
      continue;
    }
    const words = answer && (await answer.json().catch(() => null));
    if (answer?.ok && words) return words;
    throw new Error(words?.error ?? "the service does not answer");
  }
}

export function asking(path, file, words = {}) {
  const form = new FormData();
  form.append("picture", file, "picture");
  return ask(`${path}?${new URLSearchParams(words)}`, { method: "POST", body: form });
}

let waiting = null;

function given() {
  waiting ??= new Promise((go) => {
    key.showModal();
    key.onclose = () => {
      sessionStorage.setItem("token", key.querySelector("#token").value.trim());
      waiting = null;
      go();
    };
  });
  return waiting;
}
