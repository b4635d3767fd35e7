// What a unit of a layer sees of the input. Places are whole numbers without bound (BigInt): they stay exact.

/** From where to where unit `unit` sees on an axis: unit m·period + i from m·step + lows[i] to m·step + highs[i]. */
function seenFrom([, step, lows, highs], unit) {
  const turn = BigInt(Math.floor(unit / lows.length)) * BigInt(step);
  const place = unit % lows.length;
  return [turn + BigInt(lows[place]), turn + BigInt(highs[place])];
}

/** What of a stretch lies on an axis of `size` positions; null where nothing does. */
function inside([low, high], size) {
  const from = low > 0n ? low : 0n;
  const to = high < BigInt(size) - 1n ? high : BigInt(size) - 1n;
  return from <= to ? [from, to] : null;
}

const digits = (number) => number.toLocaleString("en-GB").replace("-", "−");

class FieldView {
  constructor(page) {
    this.page = page;
    this.select = h("select", { id: "field-layer" });
    this.select.addEventListener("change", () => this.layer(Number(this.select.value)));
    this.sliders = h("div");
    this.picture = s("svg", { id: "field-picture", role: "img" });
    this.map = s("svg", { id: "field-map", class: "map", tabindex: 0, role: "application" });
    this.map.addEventListener("keydown", (event) => this.#key(event));
    this.map.addEventListener("click", (event) => this.#click(event));
    this.told = h("output", { class: "told", id: "field-told", "aria-live": "polite" });
    this.file = h("input", { type: "file", accept: "image/*", id: "field-file" });
    this.file.addEventListener("change", () => this.#load());
    this.fileTold = h("p", { class: "said", role: "status", id: "field-file-told" });
    byId("field").append(
      h("p", { class: "tools" }, h("label", { for: "field-layer" }, "Layer"), this.select),
      this.sliders, this.told,
      h("div", { class: "halves" },
        h("figure", {}, h("figcaption", {}, "The input, and what the unit sees of it"), this.picture),
        h("figure", {}, h("figcaption", {}, "The layer's units: click one, or move with the arrow keys"), this.map)),
      h("p", { class: "tools" }, h("label", { for: "field-file" }, "Your own picture (it stays on this page)"), this.file),
      this.fileTold,
    );
  }

  show(network) {
    this.network = network;
    this.rank = network.input.length;
    byId("field").closest("section").hidden = this.rank === 0;
    if (!this.rank) return;
    // Of more than two axes the last two are drawn; one axis is drawn as a strip.
    this.across = this.rank - 1;
    this.down = this.rank > 1 ? this.rank - 2 : null;
    this.wide = network.input[this.across];
    this.tall = this.down === null ? Math.max(1, this.wide / 6) : network.input[this.down];
    this.href = neutralPicture(this.wide, this.tall);
    this.file.value = "";
    this.fileTold.textContent = "";
    this.select.replaceChildren(
      ...network.layers.map((layer, at) => h("option", { value: at }, this.page.texts[layer.name])));
    this.layer(network.last);
  }

  layer(at) {
    this.at = at;
    this.select.value = at;
    const { field, shape } = this.network.layers[at];
    this.units = field.map((axis) => (Array.isArray(axis) ? Number(shape[axis[0]]) : 1));
    this.unit = this.units.map((count) => Math.floor((count - 1) / 2));
    this.inputs = field.map((axis, place) => (Array.isArray(axis) ? this.#slider(place) : null));
    this.sliders.replaceChildren(...this.inputs.filter(Boolean).map(([row]) => row));
    this.map.closest("figure").hidden = !Array.isArray(field[this.across]);
    this.#draw();
  }

  #slider(axis) {
    const name = this.page.texts[this.network.axes[axis]];
    const id = `field-unit-${axis}`;
    const limits = { min: 0, max: this.units[axis] - 1, value: this.unit[axis] };
    const range = h("input", { type: "range", id, ...limits });
    const number = h("input", { type: "number", "aria-label": `unit, ${name}`, ...limits });
    range.addEventListener("input", () => this.move(axis, range.value));
    number.addEventListener("change", () => this.move(axis, number.value));
    return [h("div", { class: "unit" }, h("label", { for: id }, name), range, number), range, number];
  }

  /** Move to another unit on an axis; beyond the last one there is none. */
  move(axis, unit) {
    this.unit[axis] = Math.min(this.units[axis] - 1, Math.max(0, Math.trunc(Number(unit)) || 0));
    this.#draw();
  }

  #key(event) {
    const ways = { ArrowLeft: [this.across, -1], ArrowRight: [this.across, 1], ArrowUp: [this.down, -1], ArrowDown: [this.down, 1] };
    const [axis, by] = ways[event.key] ?? [];
    if (axis === undefined || axis === null) return;
    event.preventDefault();
    this.move(axis, this.unit[axis] + by * (event.shiftKey ? 10 : 1));
  }

  #click(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.map.getScreenCTM().inverse());
    this.move(this.across, Math.floor(at.x));
    if (this.down !== null) this.move(this.down, Math.floor(at.y));
  }

  async #load() {
    const file = this.file.files[0];
    if (!file) return;
    const network = this.network;
    try {
      const href = await ownPicture(file, this.wide, this.tall);
      if (network !== this.network) return; // another network was chosen meanwhile
      this.href = href;
      this.fileTold.textContent = `Shown on ${file.name}: its middle, in the shape of the input.`;
      this.#draw();
    } catch {
      this.fileTold.textContent = `${file.name} is not an image that this browser reads.`;
    }
  }

  #draw() {
    const { field } = this.network.layers[this.at];
    const seen = field.map((axis, place) => {
      if (Array.isArray(axis)) return seenFrom(axis, this.unit[place]);
      return axis === "all" ? [0n, BigInt(this.network.input[place]) - 1n] : null;
    });
    this.inputs.forEach((row, place) => row?.slice(1).forEach((input) => (input.value = this.unit[place])));
    this.#drawPicture(seen);
    this.#drawMap();
    this.told.replaceChildren(...this.#says(seen).map((line) => h("p", {}, line)));
  }

  #drawPicture(seen) {
    const { wide, tall } = this;
    const edge = Math.max(wide, tall) * 0.12;
    const known = seen.every(Boolean);
    const stretch = (axis, whole) => {
      if (axis === null) return [0, whole];
      return [Number(seen[axis][0]), Number(seen[axis][1]) + 1];
    };
    const parts = [s("image", { href: this.href, width: wide, height: tall, preserveAspectRatio: "none" })];
    if (known) {
      const [left, right] = stretch(this.across, wide);
      const [top, bottom] = stretch(this.down, tall);
      // What is far outside is drawn no farther than a little beyond the edge of the drawing.
      const held = (place, most) => Math.min(most + 2 * edge, Math.max(-2 * edge, place));
      const outer = [held(left, wide), held(top, tall), held(right, wide), held(bottom, tall)];
      const inner = [Math.max(0, left), Math.max(0, top), Math.min(wide, right), Math.min(tall, bottom)];
      const hole = inner[0] < inner[2] && inner[1] < inner[3] ? path(...inner) : "";
      parts.push(s("path", { class: "shade", "fill-rule": "evenodd", d: path(0, 0, wide, tall) + hole }));
      parts.push(s("path", { class: "outside", d: path(...outer) }), s("path", { class: "field", d: hole }));
    }
    parts.push(s("path", { class: "border", d: path(0, 0, wide, tall) }));
    this.picture.setAttribute("viewBox", `${-edge} ${-edge} ${wide + 2 * edge} ${tall + 2 * edge}`);
    this.picture.replaceChildren(...parts);
    this.picture.setAttribute("aria-label", "The input with the part that the unit sees framed");
  }

  #drawMap() {
    const columns = this.units[this.across];
    const rows = this.down === null ? 1 : this.units[this.down];
    const lines = [];
    if (columns <= 64 && rows <= 64) {
      for (let x = 1; x < columns; x++) lines.push(`M${x} 0V${rows}`);
      for (let y = 1; y < rows; y++) lines.push(`M0 ${y}H${columns}`);
    }
    const [x, y] = [this.unit[this.across], this.down === null ? 0 : this.unit[this.down]];
    const dot = Math.max(1, columns / 100, rows / 100); // a unit of a large map is still seen
    const edge = Math.max(columns, rows) * 0.01;
    this.map.setAttribute("viewBox", `${-edge} ${-edge} ${columns + 2 * edge} ${rows + 2 * edge}`);
    this.map.replaceChildren(
      s("path", { class: "grid", d: lines.join("") }),
      s("rect", { class: "chosen", x: x + 0.5 - dot / 2, y: y + 0.5 - dot / 2, width: dot, height: dot }),
      s("path", { class: "border", d: path(0, 0, columns, rows) }),
    );
    this.map.setAttribute("aria-label", `Units of the layer, ${rows} by ${columns}: arrow keys move, with shift by ten`);
  }

  /** Where the unit sees, how far beyond the border, and how all units of the layer do. */
  #says(seen) {
    const layer = this.network.layers[this.at];
    const text = (at) => this.page.texts[at];
    const name = text(layer.name);
    if (seen.some((stretch) => stretch === null)) return [`${name}: ${text(layer.said)}.`];
    const axes = this.network.axes.map(text);
    const places = seen.map((stretch, axis) => `${axes[axis]} ${digits(stretch[0])} to ${digits(stretch[1])}`);
    const sizes = seen.map(([low, high]) => digits(high - low + 1n)).join("×");
    const unit = layer.field.flatMap((axis, place) => (Array.isArray(axis) ? [this.unit[place]] : []));
    const who = unit.length ? `Unit (${unit.join(", ")}) of ${name}` : `Every unit of ${name}`;
    const lines = [`${who} sees ${places.join(", ")}: ${sizes} positions.`];
    lines.push(clipped(seen, this.network.input, axes));
    if (text(layer.said)) lines.push(`${text(layer.said)}.`);
    else lines.push(`Of the layer: size ${this.#cell("rf")}, stride ${this.#cell("stride")}, padding ${this.#cell("padding")}.`);
    return lines;
  }

  #cell(key) {
    const column = this.page.columns.findIndex((one) => one.key === key);
    const row = this.network.rows.filter(([, isLayer]) => isLayer)[this.at];
    return this.page.texts[row[3 + column]];
  }
}

function path(left, top, right, bottom) {
  return `M${left} ${top}H${right}V${bottom}H${left}Z`;
}

function clipped(seen, input, axes) {
  const kept = seen.map((stretch, axis) => inside(stretch, input[axis]));
  if (kept.some((stretch) => stretch === null)) return "Nothing of it lies on the input: the unit sees padding only.";
  const cut = kept.flatMap(([from, to], axis) => {
    const [before, behind] = [from - seen[axis][0], seen[axis][1] - to];
    if (!before && !behind) return [];
    return [`${axes[axis]} ${digits(from)} to ${digits(to)} (${digits(before)} before and ${digits(behind)} behind the border)`];
  });
  return cut.length ? `Clipped at the border: on the input lie ${cut.join(", ")}.` : "All of it lies on the input.";
}
