"use strict";
// A text on its page: tokens that are coloured, pointed at and selected. See explain.js for what it asks of a view.
const explainView = (record, { $, element, number, plus, state, point, choose }) => {
  const { models, pieces } = record;
  const n = pieces.length;
  // The text, token by token: options that can be pointed at and selected.
  const spans = models.map((_, m) => {
    const box = $(`reading-${m}`), whole = document.createDocumentFragment(), unknown = new Set(record.unknown);
    const gap = (k) => {
      if (record.hole === k) whole.append(element("em", record.left_out, "hole"));
      if (!box.classList.contains("grid")) whole.append(record.gaps[k]);
    };
    const found = pieces.map((piece, k) => {
      const span = element("span", piece, unknown.has(k) ? "u" : "");
      span.id = `t${m}-${k}`;
      span.setAttribute("role", "option");
      span.setAttribute("aria-selected", "false");
      gap(k);
      whole.append(span);
      return span;
    });
    gap(n);
    box.replaceChildren(whole);
    return found;
  });
  const valuesOf = (m, place) => models[m].attribution.values[place];

  const colour = (m, place, scale, ramps) => {
    const values = place < 0 ? null : valuesOf(m, place);
    spans[m].forEach((span, token) => {
      const value = values ? values[token] : 0;
      span.classList.toggle("for", value > 0);
      span.classList.toggle("against", value < 0);
      span.style.setProperty("--a", Math.round(100 * Math.sqrt(Math.abs(value) / scale)));
    });
    explainPlanes.strip($(`strip-${m}`), values || [0], scale, ramps);
    if (!values) return;
    const box = $(`reading-${m}`), sizes = values.map(Math.abs), first = sizes.indexOf(Math.max(...sizes));
    box.scrollTop = spans[m][first].offsetTop - box.clientHeight / 2;  // to where most is to be seen
  };

  const listen = () => {
    document.querySelectorAll(".reading").forEach((box) => {
      const tokenOf = (event) => {
        const [, k] = (document.elementFromPoint(event.clientX, event.clientY)?.id || "").match(/^t\d+-(\d+)$/) || [];
        return k === undefined ? -1 : Number(k);
      };
      let start = -1;
      box.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        const token = tokenOf(event);
        if (token < 0) return;
        start = event.shiftKey && state.token >= 0 ? state.token : token;
        if (event.shiftKey) choose([start, token]); else if (event.pointerType === "mouse") choose(null);
        point(token, -1);
      });
      box.addEventListener("pointermove", (event) => {
        const token = tokenOf(event);
        if (token < 0) return;
        point(token, -1);
        if (start >= 0 && event.buttons && event.pointerType === "mouse" && (token !== start || state.stretch)) choose([start, token]);
      });
      addEventListener("pointerup", () => { start = -1; });
      box.addEventListener("focus", () => { if (state.token < 0) point(0, -1); });
      box.addEventListener("keydown", (event) => {
        const to = { ArrowRight: state.token + 1, ArrowDown: state.token + 1, ArrowLeft: state.token - 1, ArrowUp: state.token - 1, Home: 0, End: n - 1 }[event.key];
        if (event.key === "Escape") choose(null);
        if (to === undefined) return;
        event.preventDefault();
        const token = Math.min(Math.max(to, 0), n - 1), before = Math.max(state.token, 0);
        if (event.shiftKey) {
          const [first, last] = state.stretch || [before, before];
          choose([before === first ? last : first, token]);
        }
        point(token, -1);
        spans[Number(box.dataset.model)][token].scrollIntoView({ block: "nearest" });
      });
    });
    models.forEach((_, m) => {
      const bar = $(`strip-${m}`);
      bar.hidden = n < 2;
      bar.addEventListener("pointermove", (event) => point(Math.min(n - 1, Math.max(0, Math.floor(event.offsetX / bar.clientWidth * n))), -1));
      bar.addEventListener("click", () => spans[m][state.token].scrollIntoView({ block: "nearest" }));
    });
  };

  return {
    colour,
    listen,
    drag: "the text",
    place: (k) => k,
    largest: (m, place) => Math.max(...valuesOf(m, place).map(Math.abs)),
    reasons: (m, place) => valuesOf(m, place).map((value, k) => ({ name: pieces[k], where: `token ${number.format(k + 1)}`, value })),
    attribution: (m, place, k) => `${plus(valuesOf(m, place)[k])} nats`,
    heading: (k) => [element("b", pieces[k]), element("span", ` token ${number.format(k + 1)} of ${number.format(n)}`)],
    stretch: (first, last) => {
      const text = pieces.slice(first, last + 1).join(" ");
      return `“${text.length > 80 ? `${text.slice(0, 79)}…` : text}” (tokens ${number.format(first + 1)} to ${number.format(last + 1)})`;
    },
    at: (before, now) => {
      spans.forEach((row) => { row[before]?.classList.remove("at"); row[now]?.classList.add("at"); });
      document.querySelectorAll(".reading").forEach((box) => box.setAttribute("aria-activedescendant", `t${box.dataset.model}-${now}`));
    },
    select: (first, last) => spans.forEach((row) =>
      row.forEach((span, k) => span.setAttribute("aria-selected", String(k >= first && k <= last)))),
  };
};
