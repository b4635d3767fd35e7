// The page: its data read once, one network shown at a time.

const page = JSON.parse(byId("data").textContent);
const field = new FieldView(page);
const derivation = new Derivation(page, (layer) => {
  field.layer(layer);
  byId("field-heading").scrollIntoView();
  byId("field-layer").focus({ preventScroll: true });
});
const table = new LayerTable(page, (layer) => derivation.layer(layer));

function show(network) {
  const text = (at) => page.texts[at];
  byId("conventions").textContent = text(network.conventions);
  byId("facts").replaceChildren(...network.facts.map(([label, value, remark]) =>
    h("div", {}, h("dt", {}, text(label)), h("dd", { class: "value" }, text(value)), h("dd", { class: "said" }, text(remark)))));
  byId("notes").replaceChildren(...network.notes.map((note) => h("li", {}, text(note))));
  table.show(network);
  derivation.show(network);
  showDrawing(page, network);
  showParts(page, network);
  showMemory(page, network);
  field.show(network);
}

/** A tab for each network, moved between with the arrow keys. */
function showTabs() {
  const tabs = page.networks.map((network, at) => h("button", {
    type: "button", role: "tab", id: `tab-${at}`, "aria-controls": "panel", onclick: () => choose(at),
  }, page.texts[network.title]));
  const choose = (chosen) => {
    tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === chosen));
      tab.tabIndex = at === chosen ? 0 : -1;
    });
    byId("panel").setAttribute("aria-labelledby", `tab-${chosen}`);
    show(page.networks[chosen]);
  };
  byId("panel").setAttribute("role", "tabpanel");
  byId("tabs").replaceChildren(...tabs);
  byId("tabs").addEventListener("keydown", (event) => {
    const last = tabs.length - 1;
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at ? at - 1 : last, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(to);
    tabs[to].focus();
  });
  choose(0);
}

byId("whole").addEventListener("click", () => derivation.whole());
byId("meanings").append(...page.conventions.flatMap(([key, said]) =>
  [h("dt", {}, page.texts[key]), h("dd", {}, page.texts[said])]));
if (page.networks.length > 1) showTabs();
else show(page.networks[0]);
