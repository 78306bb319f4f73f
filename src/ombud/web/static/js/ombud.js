// Single keys, for those who want them. Nothing here is needed to use a page.
const root = document.documentElement;

function inField(target) {
  return target.closest?.("input, select, textarea, [contenteditable]") !== null;
}

function entries() {
  return [...document.querySelectorAll("[data-rows] h2 a, [data-rows] h3 a, .evidence .posts-link")];
}

function step(by) {
  const all = entries();
  if (!all.length) return false;
  const here = all.indexOf(document.activeElement);
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + by));
  all[next].focus();
  all[next].scrollIntoView({ block: "nearest" });
  return true;
}

function focusOn(selector) {
  const found = document.querySelector(selector);
  found?.focus();
  return Boolean(found);
}

const KEYS = {
  "/": () => focusOn("[data-search]"),
  "?": () => location.assign("/display"),
  j: () => step(1),
  k: () => step(-1),
  n: () => focusOn("#note"),
  o: () => {
    const here = document.activeElement;
    if (!here?.matches(".posts-link")) return false;
    here.click();
    return true;
  },
};

document.addEventListener("keydown", (event) => {
  if (root.dataset.keys !== "on" || event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) return;
  const act = KEYS[event.key];
  if (act && act() !== false) event.preventDefault();
});
