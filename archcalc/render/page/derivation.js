// How the numbers of a layer, or of the whole network, come about: formula, values put in, result.

class Derivation {
  /** `see` is called with a layer's place when somebody wants to know what its units see. */
  constructor(page, see) {
    this.page = page;
    this.dialog = byId("derivation");
    byId("derivation-close").addEventListener("click", () => this.dialog.close());
    byId("derivation-before").addEventListener("click", () => this.layer(this.at - 1));
    byId("derivation-behind").addEventListener("click", () => this.layer(this.at + 1));
    byId("derivation-field").addEventListener("click", () => {
      this.dialog.close();
      see(this.at);
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close(); // outside: the dialog's own face is covered
    });
  }

  show(network) {
    this.network = network;
  }

  layer(at) {
    this.at = at;
    this.#open(this.network.layers[at], true);
    byId("derivation-before").disabled = at === 0;
    byId("derivation-behind").disabled = at === this.network.layers.length - 1;
    byId("derivation-field").disabled = !this.network.input.length;
  }

  whole() {
    this.#open(this.network.whole, false);
  }

  #open(told, oneLayer) {
    const { texts, sections } = this.page;
    byId("derivation-title").textContent = texts[told.title];
    const parts = told.sections.flatMap((at) => {
      const [title, result, steps] = sections[at];
      const head = h("h3", {}, texts[title], " ", h("span", { class: "result" }, texts[result]));
      return [head, h("dl", { class: "steps" }, ...steps.flatMap((step) => this.#step(step)))];
    });
    const notes = told.notes.map((note) => h("li", {}, texts[note]));
    byId("derivation-body").replaceChildren(...parts, ...(notes.length ? [h("ul", { class: "said" }, ...notes)] : []));
    this.dialog.querySelector(".tools").hidden = !oneLayer;
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    byId("derivation-title").focus();
  }

  #step([label, ...sides]) {
    const said = sides.map((side) => this.page.texts[side]).filter(Boolean);
    const lines = said.map((side, at) => h("div", {}, at ? `= ${side}` : side));
    return [h("dt", {}, this.page.texts[label]), h("dd", {}, ...lines)];
  }
}
