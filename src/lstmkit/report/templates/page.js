"use strict";
(() => {
  const root = document.documentElement;
  const button = document.querySelector("#theme");
  const dark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { button.textContent = dark() ? "Light colours" : "Dark colours"; };
  button.hidden = false;
  name();
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);

  const unfold = document.querySelector("#unfold");
  if (unfold) {
    const folds = [...document.querySelectorAll("#errors details")];
    unfold.hidden = folds.length === 0;
    unfold.addEventListener("click", () => {
      const open = folds.some((fold) => !fold.open);
      folds.forEach((fold) => { fold.open = open; });
      unfold.textContent = open ? "Fold all texts" : "Unfold all texts";
    });
  }

  // What scrolls sideways is reached by the keyboard; not every browser does so by itself.
  const reach = () => document.querySelectorAll(".scroll, .table").forEach((region) => {
    const named = region.querySelector("caption")?.textContent ?? "figure";
    const wide = region.scrollWidth > region.clientWidth;
    for (const [name, value] of [["tabindex", "0"], ["role", "group"], ["aria-label", `${named}; scrolls sideways`]]) {
      if (wide) region.setAttribute(name, value);
      else region.removeAttribute(name);
    }
  });
  reach();
  addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);  // a table that was folded away

  const links = [...document.querySelectorAll(".contents a")];
  const mark = () => {
    const passed = links.filter((link) => document.getElementById(link.hash.slice(1)).getBoundingClientRect().top < 60);
    links.forEach((link) => {
      if (link === passed.at(-1)) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    });
  };
  mark();
  addEventListener("scroll", mark, { passive: true });
})();
