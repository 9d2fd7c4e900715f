'use strict';
// The grid: data, state and drawing. keyboard.js, drawer.js and filters.js follow it in the same script.
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
// In the order of the numbers that cells hold; 10 is a cell that only the baseline has.
const STATUS = [
  { key: 'failed', symbol: '✕', word: 'failed' },
  { key: 'error', symbol: '!', word: 'error' },
  { key: 'not-evaluated', symbol: '?', word: 'not evaluated', short: 'not eval.' },
  { key: 'flaky', symbol: '↻', word: 'flaky' },
  { key: 'waived', symbol: '~', word: 'waived' },
  { key: 'known', symbol: '=', word: 'known' },
  { key: 'tolerated', symbol: '≈', word: 'tolerated' },
  { key: 'manual', symbol: '☞', word: 'manual' },
  { key: 'not-applicable', symbol: '–', word: 'not applicable', short: 'n/a' },
  { key: 'passed', symbol: '✓', word: 'passed' },
  { key: 'gone', symbol: '∅', word: 'gone' },
];
const STANDING = { failed: 'failed', passed: 'passed', 'passed in part': 'not-evaluated', broken: 'error', error: 'error' };
const [AT_STATUS, AT_SECONDS, AT_REASON, AT_DETAIL, AT_CHANGE, AT_ANSWERS] = [0, 1, 2, 3, 4, 5];
const GONE = 10;
// A suite with more checks than this starts folded: its first row already says how many failed where.
const MANY = 40;
// How many rows are drawn in one frame.
const BATCH = 40;

const rows = [];
for (const suite of data.suites) {
  for (const row of suite.rows) {
    row.suite = suite;
    row.number = rows.length;
    const reasons = new Set(row.cells.filter(Boolean).map((cell) => data.strings[cell[AT_REASON]]));
    const answers = row.cells.filter((cell) => cell && cell[AT_ANSWERS]).flatMap((cell) => data.details[cell[AT_ANSWERS]].answers);
    for (const [scanner, , reason] of answers) reasons.add(`${scanner} ${reason}`);
    row.haystack = [row.id, ...(row.others || []), row.title, row.control || '', ...reasons].join('\n').toLowerCase();
    rows.push(row);
  }
}

const filter = { query: '', suite: '', level: '', differs: false, status: new Set(), change: new Set(), columns: new Set() };
let folded = new Map();
let active = { row: null, column: 0 };
let opened = null;
// Parts of open suites that are not drawn yet, and the frame that will draw more.
let pending = [];
let frame = 0;
// Whether the heads of the columns leave out what their tiles say too.
let brief = true;

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const esc = (text) => String(text).replace(/[&<>"']/g, (c) => ESCAPES[c]);

/** An element from a tag, attributes and children; text is always text, never markup. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== ''));
  return node;
}

const plural = (number, word) => `${number} ${word}${number === 1 ? '' : 's'}`;
const columns = () => data.columns.map((_, at) => at).filter((at) => !filter.columns.size || filter.columns.has(at));
/** A suite's name, with those of other suites that judge controls of its rows. */
const label = (suite) => [suite.name, ...(suite.others || [])].join(', ');
const filtered = () => filter.query || filter.suite || filter.level || filter.differs || filter.status.size || filter.change.size;
const hit = (cell) => cell
  && (!filter.status.size || filter.status.has(cell[AT_STATUS]))
  && (!filter.change.size || filter.change.has(cell[AT_CHANGE]));

function matches(row, shown) {
  if (filter.suite && row.suite.name !== filter.suite) return false;
  if (filter.level && String(row.level || 0) !== filter.level) return false;
  if (filter.query && !filter.query.split(/\s+/).every((word) => row.haystack.includes(word))) return false;
  const cells = shown.map((at) => row.cells[at]);
  if (filter.columns.size && !cells.some(Boolean)) return false;
  if ((filter.status.size || filter.change.size) && !cells.some(hit)) return false;
  return !filter.differs || new Set(cells.filter(Boolean).map((cell) => cell[AT_STATUS])).size > 1;
}

function isOpen(suite, matching) {
  if (folded.has(suite.name)) return !folded.get(suite.name);
  return Boolean(filtered()) || matching <= MANY;
}

function cellMarkup(row, at, dims) {
  const cell = row.cells[at];
  const where = `data-row="${row.number}" data-column="${at}" role="gridcell" tabindex="-1"`;
  if (!cell) return `<td ${where}><div class="cell s-not-applicable" aria-label="not asked">·</div></td>`;
  const one = STATUS[cell[AT_STATUS]];
  const change = cell[AT_CHANGE] ? `<span class="change">${esc(data.changes[cell[AT_CHANGE] - 1])}</span>` : '';
  const reason = data.strings[cell[AT_REASON]];
  const differ = cell[AT_ANSWERS] && data.details[cell[AT_ANSWERS]].differ;
  const mark = differ ? '<span class="change" title="scanners disagree" aria-label="scanners disagree">≠</span>' : '';
  const dim = dims && !hit(cell) ? ' dim' : '';
  const open = opened && opened.row === row && opened.column === at ? ' class="open"' : '';
  return `<td ${where}${open}${reason ? ` title="${esc(reason)}"` : ''}>`
    + `<div class="cell s-${one.key}${dim}"><span><b aria-hidden="true">${one.symbol}</b>${one.short || one.word}</span>${mark}${change}</div></td>`;
}

function rowMarkup(row, shown, dims) {
  const level = row.level ? `<span class="level">L${row.level}</span>` : '';
  const open = opened && opened.row === row && opened.column < 0 ? ' class="open"' : '';
  const inside = row.id.slice(row.suite.name.length + 1) || row.id;
  return `<tr role="row"><th scope="row" role="rowheader" tabindex="-1" data-row="${row.number}" data-column="-1"${open}>`
    + `<span class="id">${esc(inside)}</span>${level}<span class="what">${esc(row.title)}</span></th>`
    + `${shown.map((at) => cellMarkup(row, at, dims)).join('')}</tr>`;
}

/** How the checks of a suite stand in one column: numbers with symbols, worst first. */
function tally(list, at) {
  const counts = new Array(STATUS.length).fill(0);
  for (const row of list) if (row.cells[at]) counts[row.cells[at][AT_STATUS]] += 1;
  const parts = counts.map((number, status) => (number ? `<span class="s-${STATUS[status].key}" title="${number} ${STATUS[status].word}">${number} ${STATUS[status].symbol}</span>` : ''));
  return parts.join('') || '<span class="muted">·</span>';
}

function suiteMarkup(suite, matching, shown, dims) {
  const open = isOpen(suite, matching.length);
  const all = suite.rows.length === matching.length ? matching.length : `${matching.length} of ${suite.rows.length}`;
  const cells = shown.map((at) => `<td role="gridcell" tabindex="-1" data-suite="${esc(suite.name)}">${tally(matching, at)}</td>`);
  const head = `<tr role="row" class="suite"><th scope="rowgroup" role="rowheader" tabindex="-1" data-suite="${esc(suite.name)}" aria-expanded="${open}">`
    + `${esc(label(suite))} <span class="muted">${all}</span></th>${cells.join('')}</tr>`;
  if (open) pending.push({ suite: suite.name, rows: matching, shown, dims });
  return `<tbody role="rowgroup">${head}</tbody>`;
}

/** Draws the next rows; a page of thousands of cells shows its first ones at once and never blocks for long. */
function drawSome(budget) {
  while (pending.length && budget > 0) {
    const [part] = pending;
    const batch = part.rows.slice(0, budget);
    const body = $('cells').querySelector(`th[data-suite="${CSS.escape(part.suite)}"]`).closest('tbody');
    body.insertAdjacentHTML('beforeend', batch.map((row) => rowMarkup(row, part.shown, part.dims)).join(''));
    part.rows = part.rows.slice(batch.length);
    if (!part.rows.length) pending.shift();
    budget -= batch.length;
  }
}

function drawRest() {
  cancelAnimationFrame(frame);
  if (!pending.length) return;
  drawSome(BATCH);
  frame = requestAnimationFrame(drawRest);
}

function headMarkup(shown) {
  const cells = shown.map((at) => {
    const column = data.columns[at];
    const kind = STANDING[column.standing] || 'not-applicable';
    const brief = [column.family, column.level && `L${column.level}`].filter(Boolean).join(' · ');
    const more = [
      column.benchmark, column.family && plural(column.nodes, 'node'), column.boot && `ready in ${column.boot}`, column.kubelet,
      column.ami, column.amiName,
    ].filter(Boolean);
    return `<th scope="col" role="columnheader" title="${esc([column.name, brief, ...more].join('\n'))}"><b>${esc(column.name)}</b>`
      + `<span>${esc(brief)}</span>${more.map((line) => `<span class="more">${esc(line)}</span>`).join('')}`
      + `<span class="pill s-${kind}">${esc(column.standing)}</span></th>`;
  });
  const images = `<button type="button" id="images" aria-pressed="${!brief}">images</button>`;
  return `<colgroup><col>${'<col class="c">'.repeat(shown.length)}</colgroup>`
    + `<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">check${images}</th>${cells.join('')}</tr></thead>`;
}

function draw() {
  const shown = columns();
  const dims = filter.status.size > 0 || filter.change.size > 0;
  let count = 0;
  pending = [];
  const bodies = data.suites.map((suite) => {
    const matching = suite.rows.filter((row) => matches(row, shown));
    count += matching.length;
    return matching.length ? suiteMarkup(suite, matching, shown, dims) : '';
  });
  const table = $('cells');
  const focused = table.contains(document.activeElement);
  const root = document.documentElement.style;
  const narrow = innerWidth <= 760;
  const fair = (table.parentElement.clientWidth - (narrow ? 168 : 340)) / shown.length;
  root.setProperty('--columns', shown.length);
  root.setProperty('--column', `${Math.floor(Math.max(100, Math.min(fair, 190)))}px`);
  table.classList.toggle('brief', brief);
  table.setAttribute('aria-colcount', shown.length + 1);
  const none = `<tbody><tr><td class="nothing" colspan="${shown.length + 1}">${rows.length ? 'No check matches: clear filters to see all.' : 'This run has no results.'}</td></tr></tbody>`;
  table.innerHTML = headMarkup(shown) + (bodies.join('') || none);
  $('shown').textContent = `${count} of ${plural(rows.length, 'check')}, ${shown.length} of ${plural(data.columns.length, 'column')}`;
  const folds = [...table.querySelectorAll('tr.suite th')];
  $('fold').textContent = folds.some((head) => head.getAttribute('aria-expanded') === 'true') ? 'Collapse all' : 'Expand all';
  // Where the focus was must be there again before the next key.
  if (focused) drawSome(Infinity); else drawRest();
  const current = find(active) || table.querySelector('tbody [tabindex]');
  if (current) current.tabIndex = 0;
}
