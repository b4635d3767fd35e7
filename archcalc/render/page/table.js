// The table of layers: a tree of scopes that folds, or a flat list where it is sorted or searched.
// A row is [depth, whether it is a layer, the operator, a text a column…], texts by their places in page.texts.

const FOLD_BEYOND = 60; // rows that are read at a glance; larger trees begin folded
const MOST_ROWS = 500; // that are laid out at once; the others when somebody asks for them

class LayerTable {
  /** `open` is called with a layer's place when its name is chosen. */
  constructor(page, open) {
    this.page = page;
    this.open = open;
    const narrow = matchMedia("(max-width: 640px)").matches;
    this.shown = page.columns.map((column) => (narrow ? column.narrow : column.shown));
    this.body = h("tbody", { onkeydown: (event) => this.#moved(event) });
    this.head = h("thead");
    this.foot = h("tfoot");
    byId("layers").append(this.head, this.body, this.foot);
    byId("search").addEventListener("input", (event) => {
      this.words = event.target.value.trim().toLowerCase();
      this.#rows();
    });
    byId("unfold").addEventListener("click", () => this.#fold(false));
    byId("fold").addEventListener("click", () => this.#fold(true));
    this.#chooser();
  }

  show(network) {
    this.network = network;
    this.sort = null;
    this.words = "";
    byId("search").value = "";
    let layer = 0;
    this.rows = network.rows.map(([depth, isLayer, operator, ...cells]) => ({
      depth,
      operator: this.page.texts[operator],
      cells: cells.map((cell) => this.page.texts[cell]),
      layer: isLayer ? layer++ : null,
      folded: false,
    }));
    this.rows.forEach((row, at) => {
      let end = at + 1;
      while (end < this.rows.length && this.rows[end].depth > row.depth) end++;
      row.end = end; // the first row that is not below this one
      row.inside = this.rows.slice(at + 1, end).filter((below) => below.layer !== null).length;
    });
    this.#fold(this.rows.length > FOLD_BEYOND);
  }

  #chooser() {
    const boxes = this.page.columns.map((column, at) => {
      const box = h("input", { type: "checkbox", name: column.key, checked: this.shown[at], disabled: at === 0 });
      box.addEventListener("change", () => {
        this.shown[at] = box.checked;
        this.#headAndRows();
      });
      return h("label", {}, box, " ", this.page.texts[column.label]);
    });
    byId("columns").append(...boxes);
    const chooser = byId("chooser");
    chooser.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      chooser.open = false;
      chooser.querySelector("summary").focus();
    });
    document.addEventListener("click", (event) => {
      if (!chooser.contains(event.target)) chooser.open = false;
    });
  }

  #fold(folded) {
    for (const row of this.rows) row.folded = folded && row.layer === null;
    this.#headAndRows();
  }

  /** A column's title was chosen: the largest (of names the first) on top, then the other way round, then the tree. */
  #sortBy(column) {
    const first = this.page.columns[column].number ? -1 : 1;
    if (this.sort?.column !== column) this.sort = { column, way: first };
    else this.sort = this.sort.way === first ? { column, way: -first } : null;
    this.#headAndRows();
    byId("layers").querySelector(`th[data-column="${this.page.columns[column].key}"] button`).focus();
  }

  #headAndRows() {
    const titles = this.page.columns.flatMap((column, at) => (this.shown[at] ? [this.#title(column, at)] : []));
    this.head.replaceChildren(h("tr", {}, ...titles));
    const [, , , ...cells] = this.network.total;
    this.foot.replaceChildren(this.#row(cells.map((cell) => this.page.texts[cell]), {}, "total"));
    this.#rows();
  }

  #title(column, at) {
    const way = this.sort?.column === at ? this.sort.way : 0;
    const sorted = way ? (way > 0 ? "ascending" : "descending") : null;
    const arrow = way ? (way > 0 ? " ▲" : " ▼") : "";
    const button = h("button", { type: "button", "aria-label": this.page.texts[column.label] });
    button.append(this.page.texts[column.title], arrow);
    button.addEventListener("click", () => this.#sortBy(at));
    const style = column.number ? "number" : null;
    return h("th", { scope: "col", class: style, "aria-sort": sorted, "data-column": column.key }, button);
  }

  /** The rows that are to be seen, in their order. */
  #seen() {
    if (!this.sort && !this.words) {
      const seen = [];
      for (let at = 0; at < this.rows.length; at = this.rows[at].folded ? this.rows[at].end : at + 1) seen.push(at);
      return seen;
    }
    const places = this.rows.flatMap((row, at) => (row.layer !== null && this.#found(row) ? [at] : []));
    const ranks = this.sort && this.network.ranks[this.sort.column];
    if (!ranks) return places;
    const rank = (at) => ranks[this.rows[at].layer];
    return places.sort((a, b) => this.sort.way * (rank(a) - rank(b)) || a - b);
  }

  #found(row) {
    return !this.words || `${this.#fullName(row)} ${row.operator}`.toLowerCase().includes(this.words);
  }

  #fullName(row) {
    return this.page.texts[this.network.layers[row.layer].name];
  }

  #rows(most = MOST_ROWS) {
    const flat = Boolean(this.sort || this.words);
    const seen = this.#seen();
    this.body.replaceChildren(...seen.slice(0, most).map((at) => this.#layerRow(at, flat)));
    if (seen.length > most) this.body.append(this.#more(seen.length - most));
    const layers = this.network.layers.length;
    const found = seen.filter((at) => this.rows[at].layer !== null).length;
    byId("count").textContent = flat
      ? `${found} of ${layers} layers`
      : layers === this.rows.length ? `${layers} layers` : `${layers} layers, ${seen.length} of ${this.rows.length} rows unfolded`;
    byId("fold").disabled = byId("unfold").disabled = flat || layers === this.rows.length;
  }

  #more(count) {
    const button = h("button", { type: "button", id: "more" }, `Show the other ${count.toLocaleString("en-GB")} rows`);
    button.addEventListener("click", () => {
      this.#rows(Infinity);
      this.body.children[MOST_ROWS].querySelector("button").focus();
    });
    return h("tr", {}, h("td", { colspan: this.shown.filter(Boolean).length }, button));
  }

  #layerRow(at, flat) {
    const row = this.rows[at];
    return this.#row([this.#name(row, at, flat), ...row.cells.slice(1)], { "data-row": at },
      row.layer === null ? "scope" : "layer");
  }

  #row(cells, attributes, kind) {
    const shown = cells.flatMap((cell, at) => {
      if (!this.shown[at]) return [];
      if (at === 0) return [h("th", { scope: "row" }, cell)];
      const zero = cell === "0" || cell === "0.0" ? " zero" : "";
      return [h("td", { class: this.page.columns[at].number ? `number${zero}` : null }, cell)];
    });
    return h("tr", { ...attributes, class: kind }, ...shown);
  }

  #name(row, at, flat) {
    const button = h("button", { type: "button" });
    if (row.layer === null) {
      button.append(h("span", { class: "arrow", "aria-hidden": "true" }, row.folded ? "▸" : "▾"), row.cells[0]);
      button.setAttribute("aria-expanded", String(!row.folded));
      button.append(h("span", { class: "kind" }, ` ${row.inside} ${row.inside === 1 ? "layer" : "layers"}`));
      button.addEventListener("click", () => this.#toggle(at));
    } else {
      button.className = "layer";
      button.append(flat ? this.#fullName(row) : row.cells[0]);
      if (row.operator !== row.cells[0]) button.append(h("span", { class: "kind" }, ` (${row.operator})`));
      button.setAttribute("aria-haspopup", "dialog");
      button.addEventListener("click", () => this.open(row.layer));
    }
    button.style.marginLeft = flat ? "0" : `${row.depth * 1.1 + (row.layer === null ? 0 : 1)}em`;
    return button;
  }

  #toggle(at) {
    this.rows[at].folded = !this.rows[at].folded;
    this.#rows(this.body.querySelector("#more") ? MOST_ROWS : Infinity);
    this.#focus(at);
  }

  #focus(at) {
    this.body.querySelector(`tr[data-row="${at}"] button`)?.focus();
  }

  #moved(event) {
    const line = event.target.closest("tr");
    if (!line) return;
    const at = Number(line.dataset.row ?? -1); // none: the row that asks for more
    const next = { ArrowDown: line.nextElementSibling, ArrowUp: line.previousElementSibling }[event.key];
    const row = this.rows[at];
    const scope = row?.layer === null;
    const turns = scope && { ArrowRight: row.folded, ArrowLeft: !row.folded }[event.key];
    if (next) next.querySelector("button").focus();
    else if (turns) this.#toggle(at);
    else return;
    event.preventDefault();
  }
}
