"use strict";
(() => {
  const root = document.documentElement;
  const button = document.querySelector("#theme");
  const dark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { button.textContent = dark() ? "Light" : "Dark"; };
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
})();
