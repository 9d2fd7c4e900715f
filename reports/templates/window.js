// Only rows near the visible ones are in the table, so that a page of 100,000 cells is as quick as a small one. The
// rows of an open suite are divided into parts, each a tbody; a part that is far away is one empty row, as high as its
// rows were or are likely to be.
const PART = 16;
// The parts of this drawing, the lines from top to bottom (heads of suites and rows), and which line and which part a row is in.
let parts = [];
let lines = [];
let lineOf = new Map();
let partOf = new Map();
let watcher = null;
// Until when to keep the active cell in view while nearby parts are drawn with a height other than the estimate.
let settling = 0;
// The average height of the rows that were drawn.
let height = 46;

/** Forgets the drawing before the next one. */
function forget() {
  if (watcher) watcher.disconnect();
  parts = [];
  lines = [];
  lineOf = new Map();
  partOf = new Map();
}

/** The empty parts of a suite. */
function partsMarkup(matching, shown, dims) {
  const bodies = [];
  for (let at = 0; at < matching.length; at += PART) {
    const part = { rows: matching.slice(at, at + PART), shown, dims, height: 0, drawn: false, body: null };
    for (const row of part.rows) {
      lineOf.set(row.number, lines.length);
      partOf.set(row.number, part);
      lines.push({ row });
    }
    bodies.push(`<tbody role="rowgroup" class="part" data-part="${parts.length}"></tbody>`);
    parts.push(part);
  }
  return bodies.join('');
}

function empty(part) {
  part.drawn = false;
  part.body.innerHTML = `<tr class="gap" aria-hidden="true"><td colspan="${part.shown.length + 1}"></td></tr>`;
  part.body.rows[0].cells[0].style.height = `${part.height || part.rows.length * height}px`;
}

function fill(part) {
  if (part.drawn) return;
  part.drawn = true;
  part.body.innerHTML = part.rows.map((row) => rowMarkup(row, part.shown, part.dims)).join('');
}

/** Draws what is near, and what comes near later. */
function watch() {
  const table = $('cells');
  for (const body of table.querySelectorAll('tbody.part')) parts[Number(body.dataset.part)].body = body;
  parts.forEach(empty);
  if (printing || !window.IntersectionObserver) {
    parts.forEach(fill);
    return;
  }
  // Immediately, so that the first paint is complete.
  parts.slice(0, 2).forEach(fill);
  const sheet = table.closest('.sheet');
  watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const part = parts[Number(target.dataset.part)];
      if (!part || part.body !== target) continue;
      if (isIntersecting) {
        fill(part);
      } else if (part.drawn && !target.contains(document.activeElement)) {
        part.height = target.getBoundingClientRect().height;
        height = part.height / part.rows.length;
        empty(part);
      }
    }
    if (performance.now() < settling) reveal(find(active));
  }, { root: sheet, rootMargin: '400px 0px' });
  for (const part of parts) watcher.observe(part.body);
}

/** The table row of a line; drawn if it is not. */
function lineAt(at) {
  const line = lines[at];
  if (!line) return null;
  const key = line.row ? `[data-row="${line.row.number}"]` : `th[data-suite="${CSS.escape(line.suite)}"]`;
  if (line.row) fill(partOf.get(line.row.number));
  return $('cells').querySelector(key).parentElement;
}
