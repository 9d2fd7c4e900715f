"""What people see of the pages, in a real Chromium."""
import json
import pathlib
import sys
import time

from chromium import Browser, served

axe, folder = pathlib.Path(sys.argv[2]).read_text(), pathlib.Path(sys.argv[3])

browser = Browser(sys.argv[1], folder)
PAGES = ["mixed.html", "big.html", "nights.html", "history.html", "compare.html", "impact.html"]
# What must be readable in each page without its scripts and styles; the first of them in the first window.
JENKINS = {
    "mixed.html": ["#decisions", "#failing", "noscript p"],
    "compare.html": ["h1", "h2"],
    "history.html": ["h1", "table"],
    "impact.html": ["h1", "table"],
}
OVERLAP = "({0}.left < {1}.right && {1}.left < {0}.right && {0}.top < {1}.bottom && {1}.top < {0}.bottom)"


def every_page_fits_its_window_makes_no_request_and_has_no_error():
    for name in PAGES:
        for width in (1440, 390):
            browser.errors, browser.requests = [], []
            browser.open(name, width, 844)
            assert browser.errors == [], (name, browser.errors)
            asked = [url for url in browser.requests if not url.startswith(("file:", "about:", "data:"))]
            assert asked == [], (name, asked)
            wide = browser.js("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} px wide in a window of {width}"


def axe_has_nothing_against_any_page():
    def violations(name):
        browser.js(axe + "; 0")
        found = browser.js("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
                           ".then((all) => JSON.stringify(all.violations.map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 200))])))")
        assert found == "[]", (name, found)

    for scheme in ("light", "dark"):
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for name in PAGES:
            if name != "big.html":
                browser.open(name)
                violations(f"{name}, {scheme}")
        browser.open("mixed.html#workload%2Fpod-to-pod@al2023-eks-l1")
        violations(f"the drawer, {scheme}")
        browser.open("mixed.html#?status=failed")
        violations(f"filtered, {scheme}")
    browser.call("Emulation.setEmulatedMedia", features=[])


def numbers_are_the_same_everywhere_and_follow_the_filters():
    browser.open("mixed.html")
    data = json.loads(browser.js("document.getElementById('data').textContent"))
    rows = [(suite["name"], row) for suite in data["suites"] for row in suite["rows"]]

    def chips():
        return browser.js("Object.fromEntries([...document.querySelectorAll('.chip[data-status]')].map("
                          "(chip) => [chip.dataset.status, Number(chip.querySelector('b').textContent)]))")

    def cells(wanted):
        found = {}
        for suite, row in rows:
            for cell in row["cells"]:
                if cell and wanted(suite):
                    found[str(cell[0])] = found.get(str(cell[0]), 0) + 1
        return found

    assert {status: number for status, number in chips().items() if number} == cells(lambda suite: True)
    legend = browser.js("Object.fromEntries([...document.querySelectorAll('.overview .legend li')].map((one) => "
                        "[one.className.replace('s-', ''), Number(one.textContent.match(/[0-9]+/)[0])]))")
    keys = [status[0] for status in data["statuses"]]
    assert {keys[int(status)]: number for status, number in chips().items() if number} == legend, (chips(), legend)
    suite = rows[-1][0]
    browser.js(f"const select = document.getElementById('suite'); select.value = {json.dumps(suite)}; select.dispatchEvent(new Event('change'))")
    browser.settle()
    assert {status: number for status, number in chips().items() if number} == cells(lambda name: name == suite)


def a_link_opens_its_cell_beside_the_grid_and_says_when_a_filter_hides_it():
    for width in (1440, 390):
        browser.open("mixed.html#workload%2Fpod-to-pod@al2023-eks-l1", width)
        assert browser.js("document.getElementById('drawer').hidden") is False
        cell, drawer = browser.box("#cells .open"), browser.box("#drawer")
        apart = cell["right"] <= drawer["left"] + 1 or cell["bottom"] <= drawer["top"] + 1
        assert apart and 0 <= cell["top"] and cell["bottom"] <= 900, (width, cell, drawer)
    browser.open("mixed.html#workload%2Fpod-to-pod@al2023-eks-l1?suite=node")
    assert "The filters hide this cell" in browser.js("document.getElementById('drawer').textContent")
    assert browser.errors == [], browser.errors
    browser.click("#drawer .note button")
    assert browser.js("document.querySelectorAll('#cells .open').length") == 1


def back_forward_and_reload_move_between_cells_and_filters():
    browser.open("mixed.html")
    browser.click("#cells tbody td[data-row]")
    first = browser.js("location.hash")
    browser.click(".chip[data-status='0']")
    filtered = browser.js("location.hash")
    assert first and filtered != first and "status=failed" in filtered, (first, filtered)
    shown = browser.js("document.getElementById('shown').textContent")
    browser.js("history.back()")
    browser.until(f"location.hash === {json.dumps(first)}")
    browser.settle()
    assert browser.js("document.getElementById('shown').textContent") != shown
    browser.js("history.forward()")
    browser.until(f"location.hash === {json.dumps(filtered)}")
    browser.settle()
    assert browser.js("document.getElementById('shown').textContent") == shown
    browser.call("Page.reload")
    browser.until("document.readyState === 'complete' && document.getElementById('shown').textContent !== ''")
    browser.settle()
    assert browser.js("document.getElementById('shown').textContent") == shown


def a_tile_filters_its_column_and_brings_the_grid_into_view():
    browser.open("big.html")
    browser.click(".tile button")
    assert browser.js("document.querySelectorAll('#cells thead th').length") == 2
    assert -5 <= browser.box("#grid")["top"] < 450, browser.box("#grid")


def only_rows_near_what_is_seen_are_in_the_table():
    browser.open("big.html")
    browser.js("for (const suite of data.suites) folded.set(suite.name, false); draw()")
    browser.settle()
    count = "document.querySelectorAll('#cells tbody tr:not(.gap):not(.suite)').length"
    assert 0 < browser.js(count) < 150, browser.js(count)
    assert browser.js("document.getElementById('cells').getAttribute('aria-rowcount')") == str(400 + 2)
    for top in (3000, 9000, 15000, 1e6, 0):
        browser.js(f"document.querySelector('.sheet').scrollTop = {top}")
        browser.settle()
        middle = browser.js(
            "(() => { const box = document.querySelector('.sheet').getBoundingClientRect(); const y = (box.top + box.bottom) / 2;"
            " const row = [...document.querySelectorAll('#cells tbody tr')].find((one) => { const own = one.getBoundingClientRect();"
            " return own.top <= y && own.bottom >= y; }); return row ? row.className : 'none'; })()")
        assert middle == "", (top, middle)
        assert browser.js(count) < 150, (top, browser.js(count))


def keys_reach_every_row():
    browser.open("big.html")
    browser.js("for (const suite of data.suites) folded.set(suite.name, false); draw(); document.querySelector('#cells tbody td[data-row]').focus()")
    at = "Number(document.activeElement.dataset.row)"
    for step in range(1, 41):
        browser.key("ArrowDown")
        assert browser.js(at) == step, (step, browser.js(at))
    browser.key("PageDown")
    assert browser.js(at) == 52
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="End", code="End", windowsVirtualKeyCode=35, modifiers=2)
    browser.settle()
    assert browser.js(at) == 399, browser.js(at)
    browser.key("Enter")
    assert browser.js("document.getElementById('drawer').hidden") is False
    browser.key("Escape")
    assert browser.js(at) == 399 and browser.js("document.getElementById('drawer').hidden") is True


def paper_has_every_row_that_somebody_has_to_act_on():
    browser.open("big.html")
    browser.js("window.dispatchEvent(new Event('beforeprint'))")
    browser.settle()
    assert browser.js("document.querySelectorAll('#cells tbody tr:not(.gap):not(.suite)').length") == 400
    browser.js("window.dispatchEvent(new Event('afterprint'))")


def seen(selectors):
    """The boxes of elements, found without a script in the page."""
    root = browser.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
    boxes = []
    for selector in selectors:
        node = browser.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        assert node, selector
        boxes.append(browser.call("DOM.getBoxModel", nodeId=node)["model"])
        assert boxes[-1]["height"] > 0, selector
    return boxes


def which_may_ship_and_what_failed_is_readable_without_scripts():
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.call("Page.navigate", url=(folder / "mixed.html").as_uri())
    time.sleep(1)
    seen(["#decisions", "#failing", "noscript p"])
    browser.call("Emulation.setScriptExecutionDisabled", value=False)


def which_may_ship_and_what_failed_is_readable_as_jenkins_serves_it():
    # The default of hudson.model.DirectoryBrowserSupport.CSP: neither scripts nor the styles in the page.
    with served(folder, "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';") as site:
        for name, selectors in JENKINS.items():
            browser.call("Page.navigate", url=f"{site}/{name}")
            time.sleep(1)
            first = seen(selectors)[0]
            assert first["content"][1] < 900, f"{name}: {selectors[0]} is {first['content'][1]} px from the top"
    browser.call("Page.navigate", url="about:blank")


def the_last_nights_stand_beside_a_check_and_in_its_drawer():
    browser.open("nights.html#workload%2Fpod-to-pod@al2023-eks-l1")
    strips = browser.js("[...document.querySelectorAll('svg.nights')].map((one) => one.getAttribute('aria-label'))")
    assert "2 nightly runs: 1 failed, 1 passed" in strips, strips
    assert "failing since" in browser.js("document.getElementById('drawer').textContent")


TESTS = [value for name, value in list(globals().items()) if callable(value) and value.__module__ == "__main__" and name.islower() and name not in ("browser", "seen")]
try:
    for test in TESTS:
        test()
        print("ok", test.__name__)
finally:
    browser.process.kill()
    browser.process.wait()
