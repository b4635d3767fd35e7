// Where parameters and operations sit, and what memory holds over time, as SVG.

const TALL = 200; // pixels of a timeline
const LEFT = 66; // for the texts of its axis
const BELOW = 22;

/** A row for each outermost part of the network with its shares as bars. */
function showParts(page, network) {
  const title = (text, style) => h("th", { scope: "col", class: style }, text);
  const rows = network.parts.map(([at, params, macs]) => {
    const name = at === null ? "all others" : page.texts[network.rows[at][3]];
    return h("tr", {}, h("th", { scope: "row", title: name }, name), share(params, "params"), share(macs, "macs"));
  });
  byId("parts").replaceChildren(
    h("thead", {}, h("tr", {}, title("Part"), title("Params, % of all"), title("MACs, % of all"))),
    h("tbody", {}, ...rows),
  );
}

function share(part, style) {
  const bar = s("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { width: 100 * part, height: 10, class: style }));
  return h("td", {}, h("div", { class: "share" }, bar, h("span", {}, `${(100 * part).toFixed(1)}`)));
}

/** The timelines of memory: of a forward pass, and of a step of training forward and back again. */
function showMemory(page, network) {
  byId("memory").replaceChildren(...network.memory.map((line, at) => timeline(page, line, at)));
}

function timeline(page, { title: named, heights, texts, steps: names, ticks }, key) {
  const title = page.texts[named];
  const where = (at) => `while ${page.texts[names[at]]} runs`;
  const most = Math.max(...heights);
  const peak = heights.indexOf(most);
  const plot = h("div");
  const cursor = s("line", { class: "cursor", y1: 0, y2: TALL });
  const told = h("output", { for: `time-${key}` });
  const slider = h("input", {
    type: "range", id: `time-${key}`, min: 0, max: heights.length - 1, "aria-label": `${title}: step`,
  });
  let wide = 1;
  const x = (at) => (at / heights.length) * wide;
  const y = (bytes) => TALL - (most ? bytes / most : 0) * (TALL - 12);
  const read = (at) => {
    slider.value = at;
    const says = `${page.texts[texts[at]]} ${where(at)}${at === peak ? ": the peak" : ""}`;
    told.textContent = says;
    slider.setAttribute("aria-valuetext", says);
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, x(at + 0.5));
  };
  const draw = (width) => {
    wide = Math.max(50, width - LEFT - 4);
    const steps = heights.map((bytes, at) => `V${y(bytes)}H${x(at + 1)}`).join("");
    const drawing = s("svg", { viewBox: `${-LEFT} -6 ${wide + LEFT + 4} ${TALL + BELOW + 6}`, role: "img" },
      ...ticks.flatMap(([bytes, text]) => [
        s("line", { x1: 0, x2: wide, y1: y(bytes), y2: y(bytes) }),
        s("text", { x: -6, y: y(bytes) + 4, "text-anchor": "end" }, page.texts[text]),
      ]),
      s("path", { d: `M0 ${TALL}${steps}V${TALL}Z` }), cursor,
      s("text", { x: -6, y: TALL + 4, "text-anchor": "end" }, "0"),
      s("text", { x: 0, y: TALL + 17 }, "first layer"),
      s("text", { x: wide, y: TALL + 17, "text-anchor": "end" }, key ? "back at the first" : "last layer"),
    );
    drawing.setAttribute("aria-label", `${title}. Peak: ${page.texts[texts[peak]]} ${where(peak)}.`);
    const pick = (event) => {
      const box = drawing.getBoundingClientRect();
      const at = Math.floor(((event.clientX - box.left - LEFT) / wide) * heights.length);
      read(Math.min(heights.length - 1, Math.max(0, at)));
    };
    drawing.addEventListener("click", pick);
    plot.replaceChildren(drawing);
    read(Number(slider.value));
  };
  slider.addEventListener("input", () => read(Number(slider.value)));
  read(peak);
  onWidth(plot, draw);
  return h("figure", { class: "timeline", id: `timeline-${key}` }, h("figcaption", {}, title), plot, slider, told);
}

/** The architecture, as an image: it has a style of its own, and can do nothing but be seen. */
function showDrawing(page, network) {
  byId("drawing").closest("section").hidden = !network.drawing;
  if (!network.drawing) return;
  const href = `data:image/svg+xml,${encodeURIComponent(network.drawing)}`;
  byId("drawing").replaceChildren(h("img", { src: href, alt: `The architecture of ${page.texts[network.title]}` }));
}
