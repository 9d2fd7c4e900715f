// The address: which cell is open and what is filtered, so that both can be shared as a link and work with Back and
// Forward.
let handled = null;

/** `#check@variant?status=failed&suite=workload`: the open cell and the filters; empty where there is neither. */
function address() {
  const state = new URLSearchParams();
  if (filter.query) state.set('q', filter.query);
  if (filter.suite) state.set('suite', filter.suite);
  if (filter.level) state.set('level', filter.level);
  if (filter.origin) state.set('origin', filter.origin);
  if (filter.differs) state.set('differs', '1');
  for (const at of filter.status) state.append('status', STATUS[at].key);
  for (const at of filter.change) state.append('change', data.changes[at - 1]);
  for (const at of filter.columns) state.append('column', data.columns[at].name);
  const column = opened && opened.column >= 0 ? `@${encodeURIComponent(data.columns[opened.column].name)}` : '';
  const place = opened ? encodeURIComponent(opened.row.id) + column : '';
  const query = state.toString();
  return place || query ? `#${place}${query ? `?${query}` : ''}` : '';
}

/** Puts the state into the address: as a new history entry, or, while someone types, in place of the last one. */
function record(step = true) {
  const next = address();
  if (next === location.hash) return;
  try {
    history[step ? 'pushState' : 'replaceState'](null, '', location.pathname + location.search + next);
    handled = location.hash;
  } catch {
    // A sandboxed frame has no history; the page works without one.
  }
}

/** The filters that an address names; what this page does not know is left out. */
function filterOf(query) {
  const state = new URLSearchParams(query);
  const numbers = (name, list, offset = 0) => new Set(
    state.getAll(name).map((word) => list.indexOf(word)).filter((at) => at >= 0).map((at) => at + offset));
  const known = (name, list) => (list.includes(state.get(name)) ? state.get(name) : '');
  return {
    query: (state.get('q') || '').trim().toLowerCase(),
    suite: known('suite', data.suites.map((suite) => suite.name)),
    level: known('level', ['0', '1', '2']),
    origin: known('origin', [...ORIGINS.keys()]),
    differs: state.get('differs') === '1',
    status: numbers('status', STATUS.map((one) => one.key)),
    change: numbers('change', data.changes, 1),
    columns: numbers('column', data.columns.map((column) => column.name)),
  };
}

/** Shows what the address names: at the start, on Back and Forward, and for every link of the page. */
function follow() {
  if (location.hash === handled) return;
  handled = location.hash;
  const [place, ...rest] = location.hash.slice(1).split('?');
  let id = '';
  let name = '';
  try {
    [id, name] = place.split('@').map(decodeURIComponent);
  } catch {
    return; // Not an address that this page made.
  }
  const row = id ? rows.find((one) => one.id === id || (one.others || []).includes(id)) : null;
  if (id && !row) {
    if (!document.getElementById(id)) $('shown').textContent = `This report has no check ${id}.`;
    return;
  }
  filter = filterOf(rest.join('?'));
  folded = new Map();
  if (row) folded.set(row.suite.name, false);
  showFilters();
  draw();
  if (row) {
    const column = data.columns.findIndex((one) => one.name === name);
    open(row, column, false);
  } else {
    shut(false);
    if (rest.length) bring();
  }
}

/** Brings the grid into view. */
function bring() {
  $('grid').scrollIntoView({ block: 'start' });
}

/** Copies the address of what is on the screen; where the clipboard is not available, selects it for copying. */
async function copy(button) {
  const link = location.href;
  const told = button.textContent;
  let done = 'Copied';
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    const box = el('textarea', { readonly: true, class: 'unseen', 'aria-hidden': 'true' });
    box.value = link;
    document.body.append(box);
    box.select();
    if (!document.execCommand('copy')) done = 'Copy it from the address bar';
    box.remove();
    button.focus();
  }
  button.textContent = done;
  setTimeout(() => { button.textContent = told; }, 2500);
}
