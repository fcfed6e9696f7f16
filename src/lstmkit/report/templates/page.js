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

  // What scrolls sideways is reached by the keyboard, which not every browser does by itself, and fades where it goes on.
  const fade = (region) => {
    const left = region.scrollLeft, right = region.scrollWidth - region.clientWidth - left;
    region.classList.toggle("more-left", left > 1);
    region.classList.toggle("more-right", right > 1);
  };
  const reach = () => document.querySelectorAll(".scroll, .table").forEach((region) => {
    const named = region.querySelector("caption")?.textContent ?? "figure";
    const wide = region.scrollWidth > region.clientWidth;
    region.classList.toggle("scrolls", wide);
    fade(region);
    for (const [name, value] of [["tabindex", "0"], ["role", "group"], ["aria-label", `${named}; scrolls sideways`]]) {
      if (wide) region.setAttribute(name, value);
      else region.removeAttribute(name);
    }
  });
  reach();
  addEventListener("resize", reach);
  document.addEventListener("scroll", ({ target }) => {
    if (target instanceof Element && target.matches(".scrolls")) fade(target);
  }, { capture: true, passive: true });
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
