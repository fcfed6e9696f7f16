"use strict";
// A series on its page: curves and maps whose attribution is drawn anew for another class, by the rules of
// series_drawing.py. See explain.js for what it asks of a view.
const explainView = (record, { $, element, number, plus, state, point, tell, choose }) => {
  const HIGH = 200, COLUMNS = 250, LEVELS = 8;
  const { models, series, n_read: n, hole, unit } = record;
  const { channels, width } = series, nChannels = channels.length, nSpans = Math.ceil(n / width);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const least = new Uint16Array(bytes(series.least)), most = series.most ? new Uint16Array(bytes(series.most)) : least;
  const cells = models.map(({ attribution }) => new Int16Array(bytes(attribution.cells.codes)));
  const cell = (m, place, channel, span) =>
    models[m].attribution.cells.scale * cells[m][(place * nChannels + channel) * nSpans + span] / 32767;
  const rowOf = (m, place, channel) => Array.from({ length: nSpans }, (_, span) => cell(m, place, channel, span));
  const heights = (codes, channel) =>
    Array.from({ length: nSpans }, (_, span) => Math.round(HIGH * (0.75 - codes[channel * nSpans + span] / 131070)));
  const value = (codes, channel, span) =>
    series.lows[channel] + (series.highs[channel] - series.lows[channel]) * codes[channel * nSpans + span] / 65535;
  const missing = (channel, k) => series.missing[channel].some(([first, last]) => k >= first && k <= last);
  const place = (k) => (hole === null || k < hole ? k : k + record.n_given - n);
  const step = (k) => number.format(place(k) + 1);
  const several = (first, last) => (first === last ? `${unit} ${step(first)}` : `${unit}s ${step(first)} to ${step(last)}`);
  const lanes = [...document.querySelectorAll(".lane")].map((lane) => ({
    lane, m: Number(lane.closest(".lanes").dataset.model), channel: lane.dataset.channel === "all" ? -1 : Number(lane.dataset.channel),
  }));
  let channel = -1;
  const named = channels.map((name) => (/^\d+$/.test(name) ? `channel ${name}` : name));

  const band = (row, tops, scale, sign) => {
    const sizes = row.map((one) => Math.max(0, Math.round(HIGH / 4 * sign * one / scale)));
    const between = (k) => `${k} ${k === 0 ? tops[0] : k === nSpans ? tops[k - 1] : (tops[k - 1] + tops[k]) / 2}`;
    const found = [];
    for (let k = 0; k < nSpans; k++) {
      if (!sizes[k]) continue;
      let end = k;
      while (end < nSpans && sizes[end]) end++;
      const out = [], back = [];
      for (let i = k; i < end; i++) {
        out.push(`${i}.5 ${tops[i] - sign * sizes[i]}`);
        back.unshift(`${i}.5 ${tops[i]}`);
      }
      found.push(`M${[between(k), ...out, between(end), ...back].join("L")}Z`);
      k = end;
    }
    return found.join("");
  };

  const tiles = (rows) => {
    const pieces = new Map();
    rows.forEach((row, y) => {
      const codes = row.map((shade) => Math.round(LEVELS * shade));
      for (let start = 0, end; start < codes.length; start = end) {
        for (end = start; end < codes.length && codes[end] === codes[start];) end++;
        if (!codes[start]) continue;
        pieces.set(codes[start], `${pieces.get(codes[start]) || ""}M${start} ${y}h${end - start}v1h-${end - start}z`);
      }
    });
    return [...pieces].map(([code, d]) => [`${code > 0 ? "for" : "against"} l${Math.abs(code)}`, d]);
  };
  const shades = (row, scale) => {
    const all = row.map((one) => Math.sign(one) * Math.sqrt(Math.abs(one) / scale)), size = Math.ceil(nSpans / COLUMNS);
    return Array.from({ length: Math.ceil(nSpans / size) }, (_, k) =>
      all.slice(k * size, (k + 1) * size).reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0));
  };

  const colour = (m, at, scale) => {
    lanes.filter((one) => one.m === m).forEach(({ lane, channel: own }) => {
      const picture = lane.querySelector("svg");
      if (own < 0) {
        if (picture.querySelector(".value")) return;  // the series itself
        const rows = at < 0 ? [] : channels.map((_, k) => shades(rowOf(m, at, k), scale));
        picture.replaceChildren(...tiles(rows).map(([name, d]) => {
          const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
          path.setAttribute("class", name);
          path.setAttribute("d", d);
          return path;
        }));
        return;
      }
      const row = at < 0 ? null : rowOf(m, at, own);
      picture.querySelector(".for").setAttribute("d", row ? band(row, heights(most, own), scale, 1) : "");
      picture.querySelector(".against").setAttribute("d", row ? band(row, heights(least, own), scale, -1) : "");
      const sum = (sign) => (row || []).reduce((total, one) => total + Math.max(0, sign * one), 0).toFixed(2);
      const [gain, loss] = lane.querySelectorAll(".sums b");
      gain.textContent = `+${sum(1)}`;
      loss.textContent = `−${sum(-1)}`;
    });
  };

  // Stretches of one channel that speak one way throughout.
  const reasons = (m, at) => named.flatMap((name, k) => {
    const row = rowOf(m, at, k), found = [];
    for (let start = 0, end; start < nSpans; start = end) {
      let sum = 0;
      for (end = start; end < nSpans && Math.sign(row[end]) === Math.sign(row[start]); end++) sum += row[end];
      const where = several(start * width, Math.min(end * width, n) - 1);
      if (sum) found.push({ name, where, value: sum });
    }
    return found;
  });

  const words = (k) => {
    if (channel < 0) return "";
    const span = Math.floor(k / width), high = value(most, channel, span), low = value(least, channel, span);
    const shown = (x) => Number(x.toPrecision(4)).toString().replace("-", "−");
    const range = width > 1 && high !== low ? `${shown(low)} to ${shown(high)}` : shown(high);
    return ` ${named[channel]} ${range}${missing(channel, k) ? " (missing; this was read)" : ""}`;
  };
  const attribution = (m, at, k) => {
    const whole = plus(models[m].attribution.values[at][k]);
    if (channel < 0) return `${whole} nats`;
    const own = plus(cell(m, at, channel, Math.floor(k / width)));
    const span = width > 1 ? ` in these ${width} ${unit}s` : "";
    return nChannels > 1 ? `${own} nats by ${named[channel]}${span}, ${whole} by all ${record.channel}s` : `${own} nats${span}`;
  };

  const to = (k, own) => {
    const changed = own !== channel;
    channel = own;
    lanes.forEach(({ lane, channel: other }) => lane.classList.toggle("at", other === channel && channel >= 0));
    point(k, -1);
    if (changed) tell();
  };

  const listen = () => {
    let start = -1;
    addEventListener("pointerup", () => { start = -1; });
    lanes.forEach(({ lane, channel: own }) => {
      const area = lane.querySelector(".area");
      const at = (event) => {
        const { left, top, width: wide, height } = area.getBoundingClientRect();
        const share = (x, size, count) => Math.min(Math.max(Math.floor(x / size * count), 0), count - 1);
        return [share(event.clientX - left, wide, n), own < 0 ? share(event.clientY - top, height, nChannels) : own];
      };
      area.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        const [k, which] = at(event);
        start = event.shiftKey && state.token >= 0 ? state.token : k;
        if (event.shiftKey) choose([start, k]); else if (event.pointerType === "mouse") choose(null);
        to(k, which);
      });
      area.addEventListener("pointermove", (event) => {
        const [k, which] = at(event);
        to(k, which);
        if (start >= 0 && event.buttons && event.pointerType === "mouse" && (k !== start || state.stretch)) choose([start, k]);
      });
    });
    document.querySelectorAll(".lanes[tabindex]").forEach((box) => {
      const own = [...box.querySelectorAll('.lane:not([data-channel="all"])')].map((lane) => Number(lane.dataset.channel));
      box.addEventListener("focus", () => { if (state.token < 0) to(0, own[0]); });
      box.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key], down = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (event.key === "Escape") choose(null);
        if (!by && !down && event.key !== "Home" && event.key !== "End") return;
        event.preventDefault();
        const before = Math.max(state.token, 0);
        const k = event.key === "Home" ? 0 : event.key === "End" ? n - 1 : Math.min(Math.max(before + (by || 0), 0), n - 1);
        const row = Math.min(Math.max(own.indexOf(channel) + (down || 0), 0), own.length - 1);
        if (event.shiftKey && !down) {
          const [first, last] = state.stretch || [before, before];
          choose([before === first ? last : first, k]);
        }
        to(k, own[row]);
      });
    });
  };

  return {
    colour,
    listen,
    reasons,
    attribution,
    place,
    drag: "a curve",
    largest: (m, at) => {
      let found = 0;
      for (let k = at * nChannels * nSpans; k < (at + 1) * nChannels * nSpans; k++) found = Math.max(found, Math.abs(cells[m][k]));
      return found * models[m].attribution.cells.scale / 32767;
    },
    heading: (k) => [element("b", `${unit} ${step(k)}`), element("span", ` of ${number.format(record.n_given)}${words(k)}`)],
    stretch: several,
    at: () => {},
    select: (first, last) => document.querySelectorAll(".lane .span").forEach((mark) => {
      mark.hidden = first > last;
      mark.style.left = `${100 * first / n}%`;
      mark.style.width = `${100 * (last - first + 1) / n}%`;
    }),
  };
};
