"use strict";
// Gates and states as pictures: one canvas a plane, a column a step, a row a unit in the order asked for.
const explainPlanes = (() => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const signed = new Set(["g", "n", "c", "h"]);

  // One layer in one direction with its codes unpacked; value(plane, unit row, step) is what a code stands for.
  const unpack = (inside, steps, forgetting) => {
    const n = steps.length;
    const planes = Object.fromEntries(
      Object.entries(inside.planes).map(([name, plane]) => [name, { ...plane, codes: bytes(plane.codes) }]));
    const value = (name, unit, step) => {
      const { low, high, scales, codes } = planes[name];
      return (scales ? scales[unit] : 1) * (low + (high - low) * codes[unit * n + step] / 255);
    };
    const [least, most] = forgetting.map(Math.log);
    const losses = inside.forgotten === null ? null : bytes(inside.forgotten);
    const scale = Float64Array.from({ length: 256 }, (_, code) =>
      code ? Math.exp(least + (most - least) * (code - 1) / 254) : 0);
    const lost = losses && ((unit, step) => scale[losses[unit * n + step]]);
    return { ...inside, planes, value, lost, n, backward: inside.direction === "backward" };
  };

  // The share of a unit's memory at the first step read of a stretch that is left at the last one read.
  const share = (layer, unit, first, last) => {
    let sum = 0;
    const [from, to] = layer.backward ? [first, last - 1] : [first + 1, last];
    for (let step = from; step <= to; step++) sum += layer.lost(unit, step);
    return Math.exp(-sum);
  };

  // How far a unit's state strays in a stretch from what it was at the first step read.
  const drift = (layer, unit, first, last) => {
    const start = layer.value("h", unit, layer.backward ? last : first);
    let most = 0;
    for (let step = first; step <= last; step++) most = Math.max(most, Math.abs(layer.value("h", unit, step) - start));
    return most;
  };

  const mean = (layer, of) => {
    let sum = 0;
    for (let step = 0; step < layer.n; step++) sum += of(step);
    return sum / layer.n;
  };

  const scores = {
    number: (layer) => (unit) => -layer.units[unit],
    activity: (layer) => (unit) => mean(layer, (step) => Math.abs(layer.value("h", unit, step))),
    change: (layer) => (unit) => mean(layer, (step) =>
      step ? Math.abs(layer.value("h", unit, step) - layer.value("h", unit, step - 1)) : 0),
    memory: (layer) => (unit) => layer.lost
      ? -mean(layer, (step) => layer.lost(unit, step))
      : -mean(layer, (step) => (step ? Math.abs(layer.value("h", unit, step) - layer.value("h", unit, step - 1)) : 0)),
    held: (layer, stretch) => (unit) => {
      const [first, last] = stretch || [0, layer.n - 1];
      return layer.lost ? share(layer, unit, first, last) : -drift(layer, unit, first, last);
    },
  };

  // Rows of units, highest score first.
  const ordered = (layer, order, stretch) => {
    const found = layer.units.map((_, unit) => unit);
    const values = found.map(scores[order](layer, stretch));
    return found.sort((a, b) => values[b] - values[a] || a - b);
  };

  const colours = () => {
    const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const style = getComputedStyle(document.documentElement);
    const rgb = (name) => {
      probe.fillStyle = style.getPropertyValue(name).trim();
      probe.fillRect(0, 0, 1, 1);
      return probe.getImageData(0, 0, 1, 1).data;
    };
    const ramp = (stops) => Array.from({ length: 256 }, (_, code) => {
      const at = code / 255 * (stops.length - 1);
      const k = Math.min(Math.floor(at), stops.length - 2);
      return [0, 1, 2].map((c) => Math.round(stops[k][c] + (at - k) * (stops[k + 1][c] - stops[k][c])));
    });
    const [paper, pro, contra, deep] = ["--paper", "--for", "--against", "--deep-for"].map(rgb);
    return { positive: ramp([paper, pro, deep]), signed: ramp([contra, paper, pro]) };
  };

  // Least and most of a plane's colours: of a cell state, what nine tenths of the units stay within; one that does not
  // would make all others pale.
  const range = (layer, name) => {
    const { low, high, scales } = layer.planes[name];
    const most = scales ? [...scales].sort((a, b) => a - b)[Math.floor(0.9 * (scales.length - 1))] : 1;
    return [low * most, high * most];
  };

  // A thin picture of signed values, one column each; colour by the square root, as of the tokens.
  const strip = (canvas, values, most, ramps) => {
    canvas.width = values.length;
    canvas.height = 1;
    const context = canvas.getContext("2d");
    const image = context.createImageData(values.length, 1);
    values.forEach((value, k) => {
      const share = Math.sign(value) * Math.sqrt(Math.abs(value) / most);
      image.data.set([...ramps.signed[Math.round(127.5 * (1 + share))], 255], 4 * k);
    });
    context.putImageData(image, 0, 0);
  };

  const paint = (canvas, layer, name, rows, ramps) => {
    canvas.width = layer.n;
    canvas.height = rows.length;
    const context = canvas.getContext("2d");
    const image = context.createImageData(layer.n, rows.length);
    const ramp = signed.has(name) ? ramps.signed : ramps.positive;
    const [low, high] = range(layer, name);
    // Cell states differ by powers of ten: the colour goes with the square root, so that small ones are seen too.
    const shade = name === "c"
      ? (value) => 127.5 * (1 + Math.sign(value) * Math.sqrt(Math.min(1, Math.abs(value) / high)))
      : (value) => 255 * (value - low) / (high - low);
    rows.forEach((unit, row) => {
      for (let step = 0; step < layer.n; step++) {
        image.data.set([...ramp[Math.round(shade(layer.value(name, unit, step)))], 255], 4 * (row * layer.n + step));
      }
    });
    context.putImageData(image, 0, 0);
  };

  const gradient = (name) => signed.has(name)
    ? "linear-gradient(90deg,var(--against),var(--paper),var(--for))"
    : "linear-gradient(90deg,var(--paper),var(--for),var(--deep-for))";

  return { unpack, share, drift, ordered, colours, range, strip, paint, gradient };
})();
