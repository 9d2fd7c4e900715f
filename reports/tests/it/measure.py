"""How quick a page is in a real Chromium: seconds to the first picture, milliseconds until a filter is drawn, and between pictures while it scrolls."""
import json
import pathlib
import sys

from chromium import Browser

page = pathlib.Path(sys.argv[2])
browser = Browser(sys.argv[1], page.parent)

# From the click to the second picture after the last change of the document, which is when people see all of it.
FILTER = """
new Promise((done) => {
  const begun = performance.now();
  let changed = 0;
  let seen = 0;
  const observer = new MutationObserver(() => {
    changed = performance.now();
    requestAnimationFrame(() => requestAnimationFrame(() => { seen = performance.now(); }));
  });
  observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  document.querySelector(%s).click();
  const look = () => {
    if (seen > changed && performance.now() - changed > 100) { observer.disconnect(); done(seen - begun); } else { requestAnimationFrame(look); }
  };
  requestAnimationFrame(look);
})
"""

# A wheel that turns fast, 7,000 pixels a second, for 150 pictures, down and up again.
SCROLL = """
new Promise((done) => {
  const sheet = document.querySelector('.sheet');
  sheet.scrollTop = 0;
  const gaps = [];
  let before = 0;
  const step = (now) => {
    if (before) gaps.push(now - before);
    before = now;
    if (gaps.length === 150) { done(gaps.sort((a, b) => a - b)); return; }
    sheet.scrollTop += gaps.length < 75 ? 120 : -120;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})
"""

try:
    paints = []
    for _ in range(3):
        browser.open(page.name)
        browser.until("performance.getEntriesByName('first-contentful-paint').length > 0")
        paints.append(browser.js("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    # The status that most cells have, on and off.
    chips = browser.js("[...document.querySelectorAll('.chip[data-status]')].map((chip) => [Number(chip.querySelector('b').textContent), chip.dataset.status])")
    most = max(chips)[1]
    filters = [browser.js(FILTER % json.dumps(f".chip[data-status='{most}']")) for _ in range(6)]
    browser.js("for (const suite of data.suites) folded.set(suite.name, false); draw()")
    browser.settle()
    gaps = browser.js(SCROLL)
    assert browser.errors == [], browser.errors
    print(json.dumps({
        "firstPaint": sorted(paints)[1] / 1000,
        "filter": sorted(filters)[len(filters) // 2],
        "gap": gaps[len(gaps) * 95 // 100],
    }))
finally:
    browser.process.kill()
    browser.process.wait()
