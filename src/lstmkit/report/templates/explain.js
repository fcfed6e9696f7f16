"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const record = JSON.parse($("record").textContent);
  const { models, steps, labels, unit, n_read: n } = record;
  const number = new Intl.NumberFormat("en");
  const plus = (value, digits = 2) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
  const minus = (value, digits = 2) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);
  const percent = (value, digits = 1) => (100 * value).toFixed(digits) + "%";
  const element = (tag, text = "", name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
  const layers = models.map((model) => model.inside.map((one) => explainPlanes.unpack(one, steps, record.forgetting)));
  const state = { token: -1, unit: -1, stretch: null, model: 0, layer: 0, direction: "forward", order: "activity" };
  let canvases = [], rows = [];
  // What differs between a text and a series: how it is coloured, pointed at, and spoken of.
  const view = explainView(record, {
    $, element, number, plus, state, point: (...to) => point(...to), tell: () => tell(), choose: (...stretch) => choose(...stretch),
  });

  const stepOf = (token) => {  // the last step kept that is not behind the token
    let low = 0, high = steps.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (steps[middle] <= token) low = middle; else high = middle - 1;
    }
    return low;
  };
  const current = () => layers[state.model].find((one) => one.layer === state.layer && one.direction === state.direction);
  const placeOf = (m) => models[m].attribution.classes.indexOf(Number($("class").value));

  // Which tokens count.
  const colour = () => {
    const places = models.map((_, m) => placeOf(m));
    const scale = Math.max(...places.map((place, m) => (place < 0 ? 0 : view.largest(m, place)))) || 1;
    const ramps = explainPlanes.colours();
    $("scale").textContent = `${scale.toFixed(2)} nats`;
    models.forEach((model, m) => {
      const { attribution } = model, k = places[m], name = labels[Number($("class").value)];
      view.colour(m, k, scale, ramps);
      $(`said-${m}`).textContent = `${name} ${percent(model.probabilities[Number($("class").value)])}`;
      const says = $(`complete-${m}`), reasons = $(`reasons-${m}`);
      reasons.replaceChildren();
      if (k < 0) {
        says.textContent = `“${name}” is not among the classes that were attributed for the ${model.name}.`;
        return;
      }
      const { at_input: end, at_baseline: start, sums, complete } = attribution;
      says.textContent =
        `The log-odds of “${name}” are ${plus(end[k], 3)} for this ${record.thing} and ${plus(start[k], 3)} for the baseline: a ` +
        `difference of ${plus(end[k] - start[k], 3)} nats. The attributions sum to ${plus(sums[k], 3)}: ${complete[k]}.`;
      const found = view.reasons(m, k).sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
      [[1, "Most for it"], [-1, "Most against it"]].forEach(([sign, words]) => {
        const part = element("div"), list = element("ol");
        found.filter(({ value }) => sign * value > 0).slice(0, 6).forEach(({ name: what, where, value }) => {
          const row = element("li");
          row.append(element("bdi", what), element("small", where), element("b", plus(value)));
          list.append(row);
        });
        part.append(element("h4", words), list.children.length ? list : element("p", "none", "muted note"));
        reasons.append(part);
      });
    });
    tell();
  };

  // What is read of the token, and of the unit, that is pointed at.
  const tell = () => {
    const out = $("readout");
    out.hidden = state.token < 0;
    if (state.token < 0) return;
    const parts = view.heading(state.token);
    models.forEach((model, m) => {
      const k = placeOf(m), { lengths, probabilities } = model.running;
      if (k < 0) return;
      const name = labels[Number($("class").value)];
      let words = `${model.name}: ${view.attribution(m, k, state.token)} for “${name}”`;
      const at = lengths.indexOf(state.token + 1);
      if (at >= 0) words += `, ${percent(probabilities[at][k])} after it`;
      parts.push(element("span", words));
    });
    const layer = current(), step = stepOf(state.token), names = Object.keys(layer.planes);
    const at = steps[step] === state.token ? "" : ` (after ${unit} ${number.format(view.place(steps[step]) + 1)})`;
    if (state.unit >= 0) {
      const values = names.map((name) => `${name} ${minus(layer.value(name, state.unit, step))}`).join("  ");
      parts.push(element("span", `${models[state.model].name} unit ${layer.units[state.unit]}${at}: ${values}`));
    } else {
      const means = names.map((name) => {
        const size = ["g", "n", "c", "h"].includes(name);
        let sum = 0;
        layer.units.forEach((_, unit) => { const value = layer.value(name, unit, step); sum += size ? Math.abs(value) : value; });
        return `${size ? `|${name}|` : name} ${(sum / layer.units.length).toFixed(2)}`;
      }).join("  ");
      parts.push(element("span", `${models[state.model].name}, mean of its units${at}: ${means}`));
    }
    out.replaceChildren(...parts);
  };

  const point = (token, unit = state.unit) => {
    if (token === state.token && unit === state.unit) return;
    view.at(state.token, token);
    state.token = token;
    state.unit = unit;
    mark();
    tell();
  };

  // Cursors and the stretch on every chart and map.
  const mark = () => {
    document.querySelectorAll(".timed .cursor").forEach((line) => {
      line.hidden = state.token < 0;
      line.style.left = `${100 * (state.token + 0.5) / n}%`;
    });
    const step = stepOf(Math.max(state.token, 0)), row = rows.indexOf(state.unit);
    canvases.forEach(({ cursor, line, band }) => {
      cursor.hidden = state.token < 0;
      cursor.style.left = `${100 * (step + 0.5) / steps.length}%`;
      line.hidden = row < 0;
      line.style.top = `${100 * (row + 0.5) / rows.length}%`;
      band.hidden = !state.stretch;
      if (state.stretch) {
        const [first, last] = state.stretch.map(stepOf);
        band.style.left = `${100 * first / steps.length}%`;
        band.style.width = `${100 * (last - first + 1) / steps.length}%`;
      }
    });
  };

  // Gates and memory.
  const draw = () => {
    const layer = current(), home = $("planes"), words = JSON.parse(home.dataset.words), ramps = explainPlanes.colours();
    rows = explainPlanes.ordered(layer, state.order, state.stretch && state.stretch.map(stepOf));
    home.classList.toggle("one", Object.keys(layer.planes).length === 1);
    canvases = Object.keys(layer.planes).map((name) => {
      const [low, high] = explainPlanes.range(layer, name);
      const figure = element("figure", "", "plane"), caption = element("figcaption"), frame = element("div", "", "frame");
      const title = element("span"), range = element("span", "", "range"), bar = element("i", "", "bar");
      title.append(element("var", name), ` ${words[name]}`);
      bar.style.background = explainPlanes.gradient(name);
      range.append(minus(low, Number.isInteger(low) ? 0 : 2), bar, minus(high, Number.isInteger(high) ? 0 : 2));
      caption.append(title, range);
      const canvas = document.createElement("canvas");
      explainPlanes.paint(canvas, layer, name, rows, ramps);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${words[name]}; ${rows.length} units over ${steps.length} ${unit}s. Arrow keys move the point that is read below.`);
      canvas.tabIndex = 0;
      const [cursor, line, band] = ["cursor", "row", "span"].map((kind) => element("i", "", kind));
      frame.append(canvas, band, cursor, line);
      figure.append(caption, frame);
      canvas.addEventListener("pointermove", (event) => {
        const step = Math.floor(event.offsetX / canvas.clientWidth * steps.length);
        const row = Math.floor(event.offsetY / canvas.clientHeight * rows.length);
        if (rows[row] !== undefined && steps[step] !== undefined) point(steps[step], rows[row]);
      });
      canvas.addEventListener("keydown", (event) => {
        const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] || [0, 0];
        if (!right && !down) return;
        event.preventDefault();
        const step = Math.min(Math.max(stepOf(Math.max(state.token, 0)) + right, 0), steps.length - 1);
        const row = Math.min(Math.max(rows.indexOf(state.unit) + down, 0), rows.length - 1);
        point(steps[step], rows[row]);
      });
      return { figure, cursor, line, band };
    });
    home.replaceChildren(...canvases.map(({ figure }) => figure));
    mark();
  };

  // A stretch, and what holds through it.
  const choose = (stretch, fromNumbers = false) => {
    state.stretch = stretch && [Math.min(...stretch), Math.max(...stretch)];
    const [first, last] = state.stretch || [n, -1];
    view.select(first, last);
    if (!fromNumbers) {  // who is typing is not corrected half-way
      $("from").value = state.stretch ? first + 1 : "";
      $("to").value = state.stretch ? last + 1 : "";
    }
    if (state.order === "held") draw(); else mark();
    hold();
  };
  const hold = () => {
    const table = $("held"), says = $("stretch-says"), layer = current(), { name } = models[state.model];
    table.hidden = true;
    if (!state.stretch || state.stretch[0] === state.stretch[1]) {
      says.textContent = `Select a stretch of two ${unit}s or more: drag over ${view.drag}, hold shift with the arrow keys, or give two numbers.`;
      return;
    }
    const [first, last] = state.stretch.map(stepOf), gated = Boolean(layer.lost), memory = layer.planes.c ? "c" : "h";
    const found = explainPlanes.ordered(layer, "held", [first, last]);
    const measure = (unit) => (gated ? explainPlanes.share : explainPlanes.drift)(layer, unit, first, last);
    const holding = found.filter((unit) => (gated ? measure(unit) >= 0.5 : measure(unit) <= 0.25));
    const [start, end] = layer.backward ? [last, first] : [first, last];
    says.textContent =
      `Of ${number.format(layer.units.length)} units of the ${name}, ${number.format(holding.length)} hold through ` +
      `${view.stretch(...state.stretch)}: ` +
      (gated ? "at least half of what they remembered at its beginning is left at its end." : "their state stays within 0.25 of what it was at its beginning.");
    const head = ["Unit", gated ? "Share kept" : "Strays by", `${memory} at the first ${unit} read`, `${memory} at the last`];
    const grid = element("table"), top = element("tr"), body = element("tbody");
    grid.append(element("caption", `The ${Math.min(8, found.length)} units that hold best`));
    head.forEach((words, k) => top.append(Object.assign(element("th", words, k ? "number" : ""), { scope: "col" })));
    found.slice(0, 8).forEach((unit) => {
      const row = element("tr"), value = measure(unit);
      row.append(Object.assign(element("th", String(layer.units[unit])), { scope: "row" }));
      [gated ? percent(value, 0) : value.toFixed(2), minus(layer.value(memory, unit, start)), minus(layer.value(memory, unit, end))]
        .forEach((words) => row.append(element("td", words, "number")));
      body.append(row);
    });
    const header = element("thead");
    header.append(top);
    grid.append(header, body);
    table.replaceChildren(grid);
    table.hidden = false;
  };

  // Controls.
  const fill = (select, options, chosen) => {
    select.replaceChildren(...options.map(([value, words]) => new Option(words, value, false, String(value) === String(chosen))));
    select.disabled = options.length < 2;
  };
  const knobs = () => {
    const inside = layers[state.model];
    state.layer = Math.min(state.layer, Math.max(...inside.map((one) => one.layer)));
    if (!inside.some((one) => one.direction === state.direction)) state.direction = "forward";
    fill($("layer"), [...new Set(inside.map((one) => one.layer))].map((k) => [k, `${k + 1}`]), state.layer);
    fill($("direction"), [...new Set(inside.map((one) => one.direction))].map((one) => [one, one]), state.direction);
    state.unit = -1;
    draw();
    hold();
    tell();
  };
  $("knobs").hidden = $("stretch").hidden = false;
  $("class").addEventListener("change", colour);
  $("model").addEventListener("change", (event) => { state.model = Number(event.target.value); knobs(); });
  $("layer").addEventListener("change", (event) => { state.layer = Number(event.target.value); knobs(); });
  $("direction").addEventListener("change", (event) => { state.direction = event.target.value; knobs(); });
  $("order").addEventListener("change", (event) => { state.order = event.target.value; draw(); });
  $("clear").addEventListener("click", () => choose(null));
  ["from", "to"].forEach((id) => $(id).addEventListener("change", () => {
    const given = ["from", "to"].map((name) => $(name).valueAsNumber - 1);
    if (given.every((k) => Number.isInteger(k) && k >= 0 && k < n)) choose(given, true);
  }));

  document.querySelectorAll(".running .area").forEach((area) => area.addEventListener("pointermove", (event) => {
    const { left, width } = area.getBoundingClientRect();
    point(Math.min(Math.max(Math.floor((event.clientX - left) / width * n), 0), n - 1), -1);
  }));
  view.listen();
  const paint = () => { colour(); draw(); };
  new MutationObserver(paint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  colour();
  knobs();
})();
