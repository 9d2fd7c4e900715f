'use strict';
// The grid: data, state and drawing. keyboard.js, drawer.js, address.js and filters.js follow it in the same script.
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
// In the order of the numbers that cells hold, most urgent first; the last one is a cell that only the baseline has.
const STATUS = data.statuses.map(([key, symbol, word, short]) => ({ key, symbol, word, short }));
const GONE = STATUS.length - 1;
const ORIGINS = new Map(data.origins);
const [AT_STATUS, AT_SECONDS, AT_REASON, AT_DETAIL, AT_CHANGE, AT_ANSWERS] = [0, 1, 2, 3, 4, 5];
// What nobody has to act on: paper leaves out rows with nothing else.
const QUIET = new Set(['passed', 'not-applicable', 'manual', 'informational']);
// A suite with more checks than this starts folded: its first row already says how many failed where.
const MANY = 40;

const rows = [];
for (const suite of data.suites) {
  for (const row of suite.rows) {
    row.suite = suite;
    row.number = rows.length;
    const reasons = new Set(row.cells.filter(Boolean).map((cell) => data.strings[cell[AT_REASON]]));
    const answers = row.cells.filter((cell) => cell && cell[AT_ANSWERS]).flatMap((cell) => data.parts[cell[AT_ANSWERS]].answers);
    for (const [scanner, , reason] of answers) reasons.add(`${scanner} ${reason}`);
    row.haystack = [row.id, ...(row.others || []), row.title, row.control || '', ...reasons].join('\n').toLowerCase();
    rows.push(row);
  }
}

const nothing = () => ({ query: '', suite: '', level: '', origin: '', differs: false, status: new Set(), change: new Set(), columns: new Set() });
let filter = nothing();
let folded = new Map();
let active = { row: null, column: 0 };
let opened = null;
let printing = false;
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
const originOf = (cell) => data.details[cell[AT_DETAIL]].origin || '';
const picks = () => filter.status.size || filter.change.size || filter.origin;
const filtered = () => Boolean(filter.query || filter.suite || filter.level || filter.differs || picks());

/** Whether a cell is one that the filters pick; `but` names a filter to ignore. */
function hit(cell, but) {
  return Boolean(cell)
    && (but === 'status' || !filter.status.size || filter.status.has(cell[AT_STATUS]))
    && (but === 'change' || !filter.change.size || filter.change.has(cell[AT_CHANGE]))
    && (!filter.origin || originOf(cell) === filter.origin);
}

/** Whether a row passes the filters that are about rows. */
function fits(row, shown) {
  if (filter.suite && row.suite.name !== filter.suite) return false;
  if (filter.level && String(row.level || 0) !== filter.level) return false;
  if (filter.query && !filter.query.split(/\s+/).every((word) => row.haystack.includes(word))) return false;
  const cells = shown.map((at) => row.cells[at]).filter(Boolean);
  if (filter.columns.size && !cells.length) return false;
  if (printing && !filtered() && cells.every((cell) => QUIET.has(STATUS[cell[AT_STATUS]].key))) return false;
  return !filter.differs || new Set(cells.map((cell) => cell[AT_STATUS])).size > 1;
}

const matches = (row, shown) => fits(row, shown) && (!picks() || shown.some((at) => hit(row.cells[at])));

function isOpen(suite, matching) {
  if (folded.has(suite.name)) return !folded.get(suite.name);
  return filtered() || printing || matching <= MANY;
}

function cellMarkup(row, at, dims) {
  const cell = row.cells[at];
  const where = `data-row="${row.number}" data-column="${at}" role="gridcell" tabindex="-1"`;
  if (!cell) return `<td ${where}><div class="cell s-not-applicable" aria-label="not run">·</div></td>`;
  const one = STATUS[cell[AT_STATUS]];
  const change = cell[AT_CHANGE] ? `<span class="change">${esc(data.changes[cell[AT_CHANGE] - 1])}</span>` : '';
  const reason = data.strings[cell[AT_REASON]];
  const differ = cell[AT_ANSWERS] && data.parts[cell[AT_ANSWERS]].differ;
  const mark = differ ? '<span class="change" title="scanners disagree"><span aria-hidden="true">≠</span><span class="unseen">scanners disagree</span></span>' : '';
  const dim = dims && !hit(cell) ? ' dim' : '';
  const open = opened && opened.row === row && opened.column === at ? ' class="open"' : '';
  return `<td ${where}${open}${reason ? ` title="${esc(reason)}"` : ''}>`
    + `<div class="cell s-${one.key}${dim}"><span><b aria-hidden="true">${one.symbol}</b>${one.short}</span>${mark}${change}</div></td>`;
}

function rowMarkup(row, shown, dims) {
  const level = row.level ? `<span class="level">L${row.level}</span>` : '';
  const open = opened && opened.row === row && opened.column < 0 ? ' class="open"' : '';
  const inside = row.id.slice(row.suite.name.length + 1) || row.id;
  return `<tr role="row" aria-rowindex="${lineOf.get(row.number) + 2}"><th scope="row" role="rowheader" tabindex="-1" data-row="${row.number}" data-column="-1"${open}>`
    + `<span class="id">${esc(inside)}</span>${level}<span class="what">${esc(row.title)}</span>${rowNights(row, shown)}</th>`
    + `${shown.map((at) => cellMarkup(row, at, dims)).join('')}</tr>`;
}

/** The results of a suite in one column: numbers with symbols, worst first. */
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
  lines.push({ suite: suite.name });
  const head = `<tr role="row" class="suite" aria-rowindex="${lines.length + 1}"><th scope="rowgroup" role="rowheader" tabindex="-1" data-suite="${esc(suite.name)}" aria-expanded="${open}">`
    + `${esc(label(suite))} <span class="muted">${all}</span></th>${cells.join('')}</tr>`;
  return `<tbody role="rowgroup">${head}</tbody>${open ? partsMarkup(matching, shown, dims) : ''}`;
}

function headMarkup(shown) {
  const cells = shown.map((at) => {
    const column = data.columns[at];
    const kind = [column.family, column.level && `L${column.level}`].filter(Boolean).join(' · ');
    const more = [
      column.benchmark, column.family && plural(column.nodes, 'node'), column.boot && `ready in ${column.boot}`, column.kubelet,
      column.ami, column.amiName,
    ].filter(Boolean);
    return `<th scope="col" role="columnheader" title="${esc([column.name, kind, ...more].join('\n'))}"><b>${esc(column.name)}</b>`
      + `<span>${esc(kind)}</span>${more.map((line) => `<span class="more">${esc(line)}</span>`).join('')}`
      + `<span class="pill s-${column.class}">${esc(column.verdict)}</span></th>`;
  });
  const images = `<button type="button" id="images" aria-pressed="${!brief}">images</button>`;
  return `<colgroup><col>${'<col class="c">'.repeat(shown.length)}</colgroup>`
    + `<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">check${images}</th>${cells.join('')}</tr></thead>`;
}

/** Gives the columns a fair share of the width that there is. */
function layout(number) {
  const table = $('cells');
  const root = document.documentElement.style;
  const fair = (table.parentElement.clientWidth - (innerWidth <= 760 ? 168 : 340)) / number;
  root.setProperty('--columns', number);
  root.setProperty('--column', `${Math.floor(Math.max(100, Math.min(fair, 190)))}px`);
}

function draw() {
  const shown = columns();
  const dims = Boolean(picks());
  let count = 0;
  forget();
  const bodies = data.suites.map((suite) => {
    const matching = suite.rows.filter((row) => matches(row, shown));
    count += matching.length;
    return matching.length ? suiteMarkup(suite, matching, shown, dims) : '';
  });
  const table = $('cells');
  layout(shown.length);
  table.classList.toggle('brief', brief);
  table.setAttribute('aria-colcount', shown.length + 1);
  table.setAttribute('aria-rowcount', lines.length + 1);
  const none = `<tbody><tr><td class="nothing" colspan="${shown.length + 1}">${rows.length ? 'No check matches: clear filters to see all.' : 'This run has no results.'}</td></tr></tbody>`;
  table.innerHTML = headMarkup(shown) + (bodies.join('') || none);
  $('shown').textContent = `${count} of ${plural(rows.length, 'check')}, ${shown.length} of ${plural(data.columns.length, 'column')}`;
  const folds = [...table.querySelectorAll('tr.suite th')];
  $('fold').textContent = folds.some((head) => head.getAttribute('aria-expanded') === 'true') ? 'Collapse all' : 'Expand all';
  countChips(shown);
  watch();
  // Where the focus was must be there again before the next key.
  const current = find(active) || table.querySelector('tbody [tabindex]');
  if (current) current.tabIndex = 0;
}
