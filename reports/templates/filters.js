// Filters, listeners, and the start.
/** Draws after a filter changed; `step` as in record(). */
function changed(step = true) {
  folded = new Map();
  showFilters();
  draw();
  record(step);
}

function toggleIn(set, value) {
  if (set.has(value)) set.delete(value); else set.add(value);
  changed();
}

function clearFilters() {
  filter = nothing();
  changed();
  if (opened) open(opened.row, opened.column, false);
}

/** Makes the controls say what is filtered. */
function showFilters() {
  if ($('query').value.trim().toLowerCase() !== filter.query) $('query').value = filter.query;
  $('suite').value = filter.suite;
  $('level').value = filter.level;
  $('origin').value = filter.origin;
  $('differs').checked = filter.differs;
  for (const chip of document.querySelectorAll('.chip')) {
    const on = chip.dataset.change ? filter.change.has(Number(chip.dataset.change)) : filter.status.has(Number(chip.dataset.status));
    chip.setAttribute('aria-pressed', String(on));
  }
  const chosen = [...filter.columns].map((at) => data.columns[at].name);
  $('columns').querySelector('summary span').textContent = chosen.length === 0 ? 'all' : chosen.length === 1 ? chosen[0] : `${chosen.length} of ${data.columns.length}`;
  for (const box of $('columns').querySelectorAll('input')) box.checked = filter.columns.has(Number(box.value));
  for (const button of document.querySelectorAll('.tile button')) {
    button.setAttribute('aria-pressed', String(filter.columns.size === 1 && filter.columns.has(Number(button.dataset.column))));
  }
}

/** Every chip counts the cells that it would pick under the other filters. */
function countChips(shown) {
  const statuses = new Array(STATUS.length).fill(0);
  const changes = new Array(data.changes.length + 1).fill(0);
  for (const row of rows) {
    if (!fits(row, shown)) continue;
    for (const at of shown) {
      const cell = row.cells[at];
      if (hit(cell, 'status')) statuses[cell[AT_STATUS]] += 1;
      if (hit(cell, 'change')) changes[cell[AT_CHANGE]] += 1;
    }
  }
  for (const chip of document.querySelectorAll('.chip')) {
    const number = chip.dataset.change ? changes[Number(chip.dataset.change)] : statuses[Number(chip.dataset.status)];
    chip.querySelector('b').textContent = number;
    chip.classList.toggle('none', number === 0);
  }
}

function prepare() {
  for (const suite of data.suites) $('suite').append(el('option', { value: suite.name }, `${label(suite)} (${suite.rows.length})`));
  for (const [origin] of ORIGINS) $('origin').append(el('option', { value: origin }, origin));
  $('origin').parentElement.hidden = !ORIGINS.size;
  const there = new Set(rows.flatMap((row) => row.cells.filter(Boolean).map((cell) => cell[AT_STATUS])));
  STATUS.forEach((one, status) => {
    if (!there.has(status)) return;
    const chip = el('button', { type: 'button', class: 'chip', 'aria-pressed': 'false', 'data-status': status },
      el('span', { class: `s-${one.key}` }, `${one.symbol} ${one.word} `), el('b', {}));
    chip.addEventListener('click', () => toggleIn(filter.status, status));
    $('statuses').append(chip);
  });
  data.columns.forEach((column, at) => {
    const box = el('input', { type: 'checkbox', value: at });
    box.addEventListener('change', () => toggleIn(filter.columns, at));
    $('columns').querySelector('div').append(el('label', {}, box, column.name));
  });
  for (const chip of document.querySelectorAll('.chip[data-change]')) {
    chip.addEventListener('click', () => { toggleIn(filter.change, Number(chip.dataset.change)); bring(); });
  }
  for (const button of document.querySelectorAll('.tile button')) {
    button.addEventListener('click', () => {
      const at = Number(button.dataset.column);
      const only = filter.columns.size === 1 && filter.columns.has(at);
      filter.columns = new Set(only ? [] : [at]);
      changed();
      if (!only) bring();
    });
  }
}

let waiting = 0;
function listen() {
  $('query').addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { filter.query = $('query').value.trim().toLowerCase(); changed(false); }, 90);
  });
  for (const name of ['suite', 'level', 'origin']) {
    $(name).addEventListener('change', () => { filter[name] = $(name).value; changed(); });
  }
  $('differs').addEventListener('change', () => { filter.differs = $('differs').checked; changed(); });
  document.querySelector('.tools').addEventListener('submit', (event) => event.preventDefault());
  $('clear').addEventListener('click', clearFilters);
  $('copy').addEventListener('click', () => copy($('copy')));
  $('fold').addEventListener('click', () => {
    const fold = $('fold').textContent === 'Collapse all';
    for (const suite of data.suites) folded.set(suite.name, fold);
    draw();
  });
  $('cells').addEventListener('click', (event) => {
    if (event.target.id === 'images') {
      brief = !brief;
      draw();
      $('images').focus();
      return;
    }
    const cell = event.target.closest('[tabindex]');
    if (cell) act(cell);
  });
  $('cells').addEventListener('keydown', move);
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      if ($('columns').open) $('columns').open = false; else shut();
    }
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      $('query').focus();
    }
  });
  document.addEventListener('click', (event) => {
    if ($('columns').open && !$('columns').contains(event.target)) $('columns').open = false;
  });
  window.addEventListener('popstate', follow);
  window.addEventListener('hashchange', follow);
  window.addEventListener('resize', () => { clearTimeout(waiting); waiting = setTimeout(draw, 120); });
  // Paper cannot unfold anything, and nobody reads fifty sheets of what passed.
  window.addEventListener('beforeprint', () => { printing = true; folded = new Map(); draw(); });
  window.addEventListener('afterprint', () => { printing = false; draw(); });
}

prepare();
listen();
showFilters();
draw();
follow();
