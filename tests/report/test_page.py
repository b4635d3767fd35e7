"""The page in a real browser: it shows what the analyses say, by mouse and by keyboard, on small screens and dark."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

import archcalc
from archcalc.analysis.explain import explain_layer
from archcalc.analysis.receptive_field import Field
from archcalc.analysis.training import training_memory
from archcalc.analysis.whole import Analysis
from tests.report.browser import Browser
from tests.report.conftest import Written

ROOT = Path(__file__).parents[2]


@cache
def analysis(name: str) -> Analysis:
    return archcalc.analyse(name)


def of(layers: str, head: str = "input: [3, 32, 32]", title: str = "") -> Analysis:
    """The analysis of a spec written here: layers in YAML's flow style, one a line."""
    lines = "\n".join(f"  - {layer.strip()}" for layer in layers.strip().splitlines())
    named = f"title: {title}\n" if title else ""
    return archcalc.analyse(archcalc.loads(f"archcalc: 1\nname: tiny\n{named}{head}\nlayers:\n{lines}\n"))


def shown_names(browser: Browser) -> list[str]:
    """The names in the rows that are there, without kinds and arrows."""
    names = browser.texts("#layers tbody th button")
    return [re.sub(r"^[▸▾]| \(.*\)$| \d+ layers?$", "", name) for name in names]


def column(browser: Browser, key: str) -> list[str]:
    script = """
        const heads = [...document.querySelectorAll("#layers thead th")];
        const at = heads.findIndex((head) => head.dataset.column === arguments[0]);
        return [...document.querySelectorAll("#layers tbody tr")].map((row) => row.children[at].textContent);
    """
    return list(browser.do(script, key))


def test_totals_and_conventions(browser: Browser, written: Written) -> None:
    net = analysis("alexnet")
    browser.open(written(net))
    facts = dict(zip(browser.texts("#facts dt"), browser.texts("#facts .value"), strict=True))
    assert facts["Params"] == "62,378,344" == f"{net.params.params:,}"
    assert facts["MACs"] == f"{net.cost.macs:,}"
    assert facts["FLOPs"] == f"{net.cost.flops:,}"
    assert facts["Receptive field"] == "195×195"
    assert browser.text("#conventions") == "input 3×227×227 · batch 1 · float32"
    assert "bias left out" in browser.text("#meanings")
    assert browser.driver.title == "AlexNet (one tower) · archcalc"


def test_every_layer_with_its_numbers(browser: Browser, written: Written) -> None:
    net = analysis("alexnet")
    browser.open(written(net))
    assert shown_names(browser) == [node.name for node in net.graph.nodes]
    assert column(browser, "output") == ["×".join(map(str, shape)) for shape in net.graph.shapes]
    assert column(browser, "params") == [f"{layer.params:,}" for layer in net.params.layers]
    sizes = [layer.axes[0].size if isinstance(layer.axes[0], Field) else "global" for layer in net.fields.layers]
    assert column(browser, "rf") == list(map(str, sizes))
    assert browser.texts("#layers tfoot th, #layers tfoot td")[4] == "62,378,344"


def test_columns_are_chosen(browser: Browser, written: Written) -> None:
    net = analysis("alexnet")
    browser.open(written(net))
    titles = browser.texts("#layers thead th")
    browser.click("#chooser summary")
    for key in ("values", "comparisons", "alive"):
        browser.click(f"#columns input[name={key}]")
    browser.click("#columns input[name=macs]")
    assert set(browser.texts("#layers thead th")) == ({*titles, "Values", "Compares", "Alive"} - {"MACs"})
    assert column(browser, "values") == [f"{layer.values:,}" for layer in net.memory.layers]
    compares = [layer.work.comparisons for layer in net.cost.layers]
    small = [at for at, number in enumerate(compares) if number < 1000]
    assert small
    assert [column(browser, "comparisons")[at] for at in small] == [str(compares[at]) for at in small]
    assert browser.do("return document.querySelector('#columns input[name=layer]').disabled")
    browser.press(Keys.ESCAPE)
    assert not browser.find("#columns").is_displayed()


def test_sorts_by_a_column(browser: Browser, written: Written) -> None:
    net = analysis("resnet50")
    browser.open(written(net))
    macs = [layer.macs for layer in net.cost.layers]
    names = [node.name for node in net.graph.nodes]
    head = "#layers th[data-column=macs]"
    browser.click(f"{head} button")
    down = sorted(range(len(macs)), key=lambda at: (-macs[at], at))
    assert shown_names(browser) == [names[at] for at in down]
    assert browser.find(head).get_attribute("aria-sort") == "descending"
    browser.press(Keys.ENTER)  # the title has kept the focus
    up = sorted(range(len(macs)), key=lambda at: (macs[at], at))
    assert shown_names(browser) == [names[at] for at in up]
    assert browser.find(head).get_attribute("aria-sort") == "ascending"
    browser.press(Keys.ENTER)
    assert browser.find(head).get_attribute("aria-sort") is None
    assert len(shown_names(browser)) < len(names)  # the tree again


def test_folds_and_unfolds(browser: Browser, written: Written) -> None:
    net = analysis("resnet50")
    browser.open(written(net))
    outermost = list(dict.fromkeys(node.name.partition(".")[0] for node in net.graph.nodes))
    assert shown_names(browser) == outermost  # a large tree begins folded
    place = outermost.index("stage2")
    assert "▸" in browser.texts("#layers tbody button")[place]
    browser.do("document.querySelectorAll('#layers tbody button')[arguments[0]].focus()", place)
    browser.press(Keys.ARROW_RIGHT)
    assert shown_names(browser)[place : place + 8] == ["stage2", *map(str, range(6)), "stage3"]
    inside = [at for at, node in enumerate(net.graph.nodes) if node.name.startswith("stage2.")]
    assert column(browser, "params")[place] == f"{sum(net.params.layers[at].params for at in inside):,}"
    browser.press(Keys.ARROW_DOWN)
    browser.press(Keys.ENTER)
    assert len(shown_names(browser)) > len(outermost) + 6
    browser.press(Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ARROW_LEFT)
    assert shown_names(browser) == outermost
    browser.click("#unfold")
    assert len(browser.texts("#layers tbody button.layer")) == len(net.graph.nodes)
    browser.click("#fold")
    assert shown_names(browser) == outermost


def test_searches(browser: Browser, written: Written) -> None:
    net = analysis("resnet50")
    browser.open(written(net))
    browser.find("#search").send_keys("STAGE1.0.conv2")
    expected = [node.name for node in net.graph.nodes if "stage1.0.conv2" in node.name]
    assert shown_names(browser) == expected
    assert browser.text("#count") == f"{len(expected)} of {len(net.graph.nodes)} layers"
    browser.find("#search").clear()
    browser.find("#search").send_keys("maxpool")
    assert column(browser, "kernel") == ["3×3/2"]
    browser.find("#search").clear()
    browser.find("#search").send_keys("no such layer")
    assert shown_names(browser) == []


@pytest.mark.parametrize("name", ["conv1", "pool1", "fc6"])
def test_derivations(browser: Browser, written: Written, name: str, evaluate: Callable[[str], int]) -> None:
    net = analysis("alexnet")
    browser.open(written(net))
    place = [node.name for node in net.graph.nodes].index(name)
    browser.do("document.querySelectorAll('#layers button.layer')[arguments[0]].focus()", place)
    browser.press(Keys.ENTER)
    told = explain_layer(net, name)
    assert browser.text("#derivation-title") in told.title
    assert browser.texts("#derivation-body h3") == [f"{section.title} {section.result}" for section in told.sections]
    assert browser.texts("#derivation-body dt") == [step.label for section in told.sections for step in section.steps]
    lines = browser.do("""
        const steps = [...document.querySelectorAll("#derivation-body dd")];
        return steps.map((step) => [...step.children].map((line) => line.textContent));
    """)
    worked_out = 0
    for values, result in (sides[-2:] for sides in lines if len(sides) > 2):
        result = re.sub(r"^= | bytes$", "", result)
        if "ways" not in values and "Σ" not in values and re.fullmatch(r"[\d,]+", result):
            assert evaluate(values.removeprefix("= ")) == int(result.replace(",", ""))
            worked_out += 1
    assert worked_out >= 3
    browser.press(Keys.ESCAPE)
    assert not browser.find("#derivation").is_displayed()
    assert browser.do("return document.activeElement.textContent").startswith(name)


def test_walks_from_derivation_to_derivation(browser: Browser, written: Written) -> None:
    browser.open(written(analysis("alexnet")))
    browser.click("#layers button.layer")
    assert browser.text("#derivation-title").startswith("input")
    assert not browser.find("#derivation-before").is_enabled()
    browser.click("#derivation-behind")
    assert browser.text("#derivation-title").startswith("conv1 (conv: out_channels 96, kernel_size 11, stride 4")
    assert "(227 − 11 + 2·0)//4 + 1" in browser.text("#derivation-body")
    browser.click("#derivation-field")
    assert browser.find("#field-layer").get_attribute("value") == "1"
    browser.click("#whole")
    assert "62,378,344" in browser.text("#derivation-body")
    assert not browser.find("#derivation-behind").is_displayed()


def chain_sees(net: Analysis, name: str, unit: int) -> tuple[int, int]:
    """What a unit sees in a network that is a chain, walked back from it layer by layer: no field is asked."""
    low = high = unit
    position = [node.name for node in net.graph.nodes].index(name)
    while net.graph.nodes[position].inputs:
        op: Any = net.graph.nodes[position].op
        if hasattr(op, "kernel_size"):
            kernel, stride, padding = (
                size if isinstance(size, int) else size[0] for size in (op.kernel_size, op.stride, op.padding)
            )
            low, high = low * stride - padding, high * stride - padding + kernel - 1
        (position,) = net.graph.nodes[position].inputs
    return low, high


def minus(number: int) -> str:
    return f"{number:,}".replace("-", "−")


def move_to(browser: Browser, axis: int, unit: int) -> None:
    script = """
        const range = document.getElementById(`field-unit-${arguments[0]}`);
        range.value = arguments[1];
        range.dispatchEvent(new Event("input"));
    """
    browser.do(script, axis, unit)


def test_what_a_unit_sees(browser: Browser, written: Written) -> None:
    net = analysis("alexnet")
    browser.open(written(net))
    for name, units in {"conv1": (0, 27, 54), "norm1": (3,), "conv3": (0, 6, 12), "pool3": (0, 5)}.items():
        Select(browser.find("#field-layer")).select_by_visible_text(name)
        for unit in units:
            move_to(browser, 0, unit)
            move_to(browser, 1, 0)
            (low, high), (left, right) = chain_sees(net, name, unit), chain_sees(net, name, 0)
            told = browser.texts("#field-told p")
            size = high - low + 1
            assert told[0] == (
                f"Unit ({unit}, 0) of {name} sees height {minus(low)} to {minus(high)}, "
                f"width {minus(left)} to {minus(right)}: {size}×{size} positions."
            )
            inside = [(max(a, 0), min(b, 226)) for a, b in ((low, high), (left, right))]
            if inside == [(low, high), (left, right)]:
                assert told[1] == "All of it lies on the input."
            else:
                assert f"{inside[1][0]} to {inside[1][1]}" in told[1]
            (top, bottom), (start, end) = inside
            assert browser.find("#field-picture .field").get_attribute("d") == (
                f"M{start} {top}H{end + 1}V{bottom + 1}H{start}Z"
            )
    assert told[2] == "Of the layer: size 195, stride 32, padding 64."


def test_moves_the_unit_with_keys_and_clicks(browser: Browser, written: Written) -> None:
    browser.open(written(analysis("alexnet")))
    Select(browser.find("#field-layer")).select_by_visible_text("conv1")
    chosen = "return [...document.querySelectorAll('#field .unit input[type=number]')].map((one) => one.value)"
    assert browser.do(chosen) == ["27", "27"]
    browser.do("document.getElementById('field-map').focus()")
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_UP)
    assert browser.do(chosen) == ["26", "29"]
    assert browser.text("#field-told").startswith("Unit (26, 29) of conv1 sees height 104 to 114, width 116 to 126")
    browser.press_shifted(Keys.ARROW_DOWN)
    assert browser.do(chosen) == ["36", "29"]
    for _ in range(4):
        browser.press_shifted(Keys.ARROW_RIGHT)
    assert browser.do(chosen) == ["36", "54"]  # there is none beyond the last
    browser.do("""
        const map = document.getElementById("field-map");
        map.scrollIntoView();
        const box = map.getBoundingClientRect();
        const middle = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
        map.dispatchEvent(new MouseEvent("click", middle));
    """)
    assert browser.do(chosen) == ["27", "27"]
    browser.do("document.getElementById('field-unit-0').focus()")
    browser.press(Keys.HOME)
    assert browser.do(chosen) == ["0", "27"]


def test_fields_of_grids_that_were_spread(browser: Browser, written: Written) -> None:
    """Behind a transposed convolution units differ; each is told as the analysis has it."""
    net = of("""
        conv: {out_channels: 4, kernel_size: 3, stride: 2, name: a}
        conv_transpose: {out_channels: 4, kernel_size: 4, stride: 3, padding: 1, name: b}
        conv: {out_channels: 2, kernel_size: 3, padding: 1, name: c}
    """)
    field = net.fields.layers[3].axes[0]
    assert isinstance(field, Field)
    assert field.period == 3
    browser.open(written(net))
    Select(browser.find("#field-layer")).select_by_visible_text("c")
    for unit in (0, 1, 2, 10, 44):
        move_to(browser, 0, unit)
        turn, place = divmod(unit, 3)
        low, high = turn * field.step + field.lows[place], turn * field.step + field.highs[place]
        assert f"height {minus(low)} to {minus(high)}," in browser.text("#field-told")


def test_fields_without_numbers_and_other_ranks(browser: Browser, written: Written) -> None:
    browser.open(written(analysis("alexnet")))
    Select(browser.find("#field-layer")).select_by_visible_text("fc6")
    assert browser.texts("#field-told p") == [
        "Every unit of fc6 sees height 0 to 226, width 0 to 226: 227×227 positions.",
        "All of it lies on the input.",
        "global: every unit sees the whole input.",
    ]
    assert not browser.find("#field-map").is_displayed()
    line = of("conv: {out_channels: 4, kernel_size: 5, stride: 2, padding: 2, name: a}", "input: [2, 40]")
    browser.open(written(line))
    move_to(browser, 0, 0)
    assert browser.text("#field-told").startswith("Unit (0) of a sees length −2 to 2: 5 positions.Clipped")
    space = of("conv: {out_channels: 4, kernel_size: 3, name: a}", "input: [2, 8, 9, 10]")
    browser.open(written(space))
    for axis, unit in enumerate((1, 2, 3)):
        move_to(browser, axis, unit)
    assert "Unit (1, 2, 3) of a sees depth 1 to 3, height 2 to 4, width 3 to 5: 3×3×3" in browser.text("#field-told")
    flat = of("linear: {out_features: 5}", "input: [7]")
    browser.open(written(flat))
    assert not browser.find("#field").is_displayed()


def test_a_picture_of_ones_own(browser: Browser, written: Written, tmp_path: Path) -> None:
    browser.open(written(analysis("alexnet")))
    before = browser.find("#field-picture image").get_attribute("href")
    browser.find("#field-file").send_keys(str(ROOT / "tests/forward/images/3.png"))
    told = (By.ID, "field-file-told")
    wait = WebDriverWait(browser.driver, 10)
    wait.until(lambda driver: "Shown on 3.png" in driver.find_element(*told).text)
    assert browser.find("#field-picture image").get_attribute("href") not in ("", before)
    (tmp_path / "no.png").write_text("<script>hacked = 1</script>")
    browser.find("#field-file").send_keys(str(tmp_path / "no.png"))
    wait.until(lambda driver: "no.png is not an image" in driver.find_element(*told).text)


def test_several_networks(browser: Browser, written: Written) -> None:
    nets = [analysis("alexnet"), analysis("resnet50"), analysis("vgg16")]
    browser.open(written(*nets))
    rows = browser.texts("#comparison tbody tr")
    assert [f"{net.params.params:,}" in row for net, row in zip(nets, rows, strict=True)] == [True] * 3
    assert browser.text("#facts .value") == f"{nets[0].params.params:,}"
    browser.find("#tab-0").send_keys(Keys.ARROW_RIGHT)
    assert browser.find("#tab-1").get_attribute("aria-selected") == "true"
    assert browser.find("#tab-0").get_attribute("aria-selected") == "false"
    assert browser.text("#facts .value") == f"{nets[1].params.params:,}"
    assert "stage2" in shown_names(browser)
    browser.press(Keys.END)
    assert browser.text("#facts .value") == f"{nets[2].params.params:,}"
    browser.click("#tab-0")
    assert shown_names(browser) == [node.name for node in nets[0].graph.nodes]


def test_charts(browser: Browser, written: Written) -> None:
    net = analysis("alexnet")
    browser.open(written(net))
    width = "return [...document.querySelectorAll('#parts rect.macs')].map((one) => Number(one.getAttribute('width')))"
    shares = [100 * layer.macs / net.cost.macs for layer in net.cost.layers if layer.macs]
    assert browser.do(width) == pytest.approx(shares)
    assert browser.texts("#parts tbody th") == [layer.name for layer in net.cost.layers if layer.macs]
    assert browser.text("#timeline-0 output") == f"2.22 MiB while {net.memory.peak_layer} runs: the peak"
    assert round(net.memory.peak_bytes / 2**20, 2) == 2.22
    trained = training_memory(net.graph)
    told = f"{trained.peak_bytes / 2**20:.1f} MiB while {trained.peak_step} runs: the peak"
    assert browser.text("#timeline-1 output") == told
    browser.do("document.getElementById('time-0').focus()")
    browser.press(Keys.HOME)
    assert browser.text("#timeline-0 output") == "603.9 KiB while input runs"


def test_the_drawing(browser: Browser, written: Written) -> None:
    pytest.importorskip("graphlay")
    browser.open(written(analysis("resnet50")))
    size = (
        "const one = document.querySelector('#drawing img'); return [one.complete, one.naturalWidth, one.naturalHeight]"
    )
    done, width, height = browser.do(size)
    assert done
    assert min(width, height) > 100


HOSTILE = (
    "</script><script>document.title = 'hacked'</script>",
    "<img src=x onerror=\"document.title = 'hacked'\">",
    '" onfocus="document.title=\'hacked\'" autofocus x="',
    "]]></style><!-- {{data}} \u2028 \u202e --> ' ` ${1}",
)


def test_names_and_titles_cannot_break_out(browser: Browser, written: Written) -> None:
    plain = of("conv: {out_channels: 4, kernel_size: 3}\nrelu\nflatten\nlinear: {out_features: 5}", title="x")
    nodes = [
        msgspec.structs.replace(node, name=name) for node, name in zip(plain.graph.nodes[1:], HOSTILE, strict=True)
    ]
    graph = msgspec.structs.replace(plain.graph.graph, nodes=(plain.graph.nodes[0], *nodes), name=HOSTILE[0])
    spec = msgspec.structs.replace(plain.spec, name=HOSTILE[1], title="".join(HOSTILE))
    hostile = Analysis(spec, msgspec.structs.replace(plain.graph, graph=graph))
    browser.open(written(hostile, analysis("alexnet")))
    assert browser.driver.title.startswith(HOSTILE[0])
    assert HOSTILE[1] in browser.text("#heading")
    assert HOSTILE[1] in browser.text("#comparison")
    assert HOSTILE[1] in browser.text("#tab-0")
    browser.find("#search").send_keys("<img")
    assert len(shown_names(browser)) == 1
    browser.press(*[Keys.BACKSPACE] * 4)
    browser.find("#layers th[data-column=layer] button").click()
    shown = browser.texts("#layers tbody button")
    clean = [name.replace("\u2028", "�").replace("\u202e", "�") for name in HOSTILE]
    assert [name for name in clean if not any(name in text for text in shown)] == []
    browser.find("#layers tbody button").click()
    assert browser.do("return document.querySelectorAll('script, style').length") == 3
    assert "hacked" not in browser.do("return document.title.split(' ')")
    assert browser.do("return document.body.querySelectorAll('[onerror], [onfocus]').length") == 0


def test_numbers_beyond_those_of_javascript(browser: Browser, written: Written) -> None:
    net = of("linear: {out_features: 2147483647, name: a}", "input: [2147483646]")
    assert net.params.params > 2**53
    browser.open(written(net))
    assert browser.text("#facts .value") == f"{2147483646 * 2147483647 + 2147483647:,}"
    strides = "\n".join(["conv: {out_channels: 1, kernel_size: 2, stride: 2, padding: 1}"] * 60)
    deep = of(strides, "input: [1, 64, 64]")
    browser.open(written(deep))
    low, high = chain_sees(deep, deep.graph.nodes[-1].name, 0)
    Select(browser.find("#field-layer")).select_by_index(60)
    assert high - low > 2**53
    for unit in (0, 1):
        low, high = chain_sees(deep, deep.graph.nodes[-1].name, unit)
        move_to(browser, 0, unit)
        assert f"height {minus(low)} to {minus(high)}," in browser.text("#field-told")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_fits_a_narrow_screen_and_can_be_read(browser: Browser, written: Written, dark: bool) -> None:
    browser.open(written(analysis("alexnet"), analysis("resnet50"), analysis("vgg16")), width=400, dark=dark)
    assert browser.do("return document.documentElement.scrollWidth") <= 400
    colours = browser.do("""
        const seen = (element) => {
            for (let one = element; one; one = one.parentElement) {
                const colour = getComputedStyle(one).backgroundColor;
                if (!colour.endsWith(", 0)")) return colour;
            }
        };
        const words = ["h1", "#conventions", "#facts dt", "#facts dd", "#layers td", "#layers button.layer", "#tab-1",
            "#count", "#search", "#field-told", "caption span", "footer p"];
        return words.map((word) => document.querySelector(word)).map((one) => [getComputedStyle(one).color, seen(one)]);
    """)
    for ink, ground in colours:
        light = sorted((luminance(ink), luminance(ground)))
        assert (light[1] + 0.05) / (light[0] + 0.05) >= 4.5, (ink, ground)
    assert (luminance(colours[0][1]) < 0.2) is dark
    browser.click("#layers button.layer")
    assert browser.do("return document.getElementById('derivation').getBoundingClientRect().width") <= 400


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_works_with_the_keyboard_alone(browser: Browser, written: Written) -> None:
    """Tab reaches everything that can be used, and what has the focus is seen."""
    browser.open(written(analysis("alexnet"), analysis("vgg16")))
    reached = set[str]()
    focus = """
        const one = document.activeElement;
        if (one === document.body) return null;
        const name = one.id || one.parentElement.dataset.column || one.textContent;
        return [name, getComputedStyle(one).outlineStyle, one.getClientRects().length];
    """
    while True:
        browser.press(Keys.TAB)
        told = browser.do(focus)
        if told is None or len(reached) > 200:
            break  # the last one was behind us
        name, outline, boxes = told
        assert outline == "solid", told
        assert boxes, told
        reached.add(name)
    needed = {"tab-0", "whole", "search", "macs", "Columns", "time-0", "time-1", "drawing", "field-layer"}
    needed |= {"field-unit-0", "field-map", "field-file", "conv1 (conv)", "Conventions"}
    assert needed <= reached, needed - reached
    names = browser.do("""
        return [...document.querySelectorAll("button, input, select, [tabindex='0'], svg[role]")]
            .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.labels?.length))
            .map((one) => one.outerHTML);
    """)
    assert names == []


def test_prints(browser: Browser, written: Written) -> None:
    browser.open(written(analysis("alexnet")), dark=True)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.do("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not browser.find("#search").is_displayed()
    assert browser.find("#layers").is_displayed()


def test_a_thousand_layers(browser: Browser, written: Written) -> None:
    net = analysis("preact_resnet1001")
    browser.open(written(net))
    assert len(net.graph.nodes) > 3000
    assert browser.text("#count").startswith(f"{len(net.graph.nodes)} layers, ")
    browser.find("#search").send_keys("stage2.110.body.conv")
    found = [at for at, node in enumerate(net.graph.nodes) if "stage2.110.body.conv" in node.name]
    assert shown_names(browser) == [net.graph.nodes[at].name for at in found] != []
    assert column(browser, "params") == [f"{net.params.layers[at].params:,}" for at in found]


def test_rows_beyond_those_laid_out_at_once(browser: Browser, written: Written) -> None:
    net = analysis("densenet201")
    browser.open(written(net))
    browser.click("#unfold")
    assert len(browser.texts("#layers tbody tr")) == 501
    browser.click("#more")
    assert len(browser.texts("#layers tbody button.layer")) == len(net.graph.nodes)
