// Filters, listeners, and the start.
function changed() {
  folded = new Map();
  draw();
}

function press(button, set, value) {
  const on = !set.has(value);
  if (on) set.add(value); else set.delete(value);
  button.setAttribute('aria-pressed', String(on));
  changed();
}

function showColumns() {
  const chosen = [...filter.columns].map((at) => data.columns[at].name);
  $('columns').querySelector('summary span').textContent = chosen.length === 0 ? 'all' : chosen.length === 1 ? chosen[0] : `${chosen.length} of ${data.columns.length}`;
  for (const box of $('columns').querySelectorAll('input')) box.checked = filter.columns.has(Number(box.value));
  for (const tile of document.querySelectorAll('.tile button')) {
    tile.setAttribute('aria-pressed', String(filter.columns.size === 1 && filter.columns.has(Number(tile.dataset.column))));
  }
  changed();
}

function prepare() {
  for (const suite of data.suites) $('suite').append(el('option', { value: suite.name }, `${label(suite)} (${suite.rows.length})`));
  const counts = new Array(STATUS.length).fill(0);
  for (const row of rows) for (const cell of row.cells) if (cell) counts[cell[AT_STATUS]] += 1;
  counts.forEach((number, status) => {
    if (!number) return;
    const one = STATUS[status];
    const chip = el('button', { type: 'button', class: 'chip', 'aria-pressed': 'false' },
      el('span', { class: `s-${one.key}` }, `${one.symbol} ${one.word}`), el('b', {}, String(number)));
    chip.addEventListener('click', () => press(chip, filter.status, status));
    $('statuses').append(chip);
  });
  data.columns.forEach((column, at) => {
    const box = el('input', { type: 'checkbox', value: at });
    box.addEventListener('change', () => {
      if (box.checked) filter.columns.add(at); else filter.columns.delete(at);
      showColumns();
    });
    $('columns').querySelector('div').append(el('label', {}, box, column.name));
  });
  for (const chip of document.querySelectorAll('.chip[data-change]')) {
    chip.addEventListener('click', () => press(chip, filter.change, Number(chip.dataset.change)));
  }
  for (const tile of document.querySelectorAll('.tile button')) {
    tile.addEventListener('click', () => {
      const at = Number(tile.dataset.column);
      const only = filter.columns.size === 1 && filter.columns.has(at);
      filter.columns = new Set(only ? [] : [at]);
      showColumns();
    });
  }
}

let waiting = 0;
function listen() {
  $('query').addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { filter.query = $('query').value.trim().toLowerCase(); changed(); }, 90);
  });
  $('suite').addEventListener('change', () => { filter.suite = $('suite').value; changed(); });
  $('level').addEventListener('change', () => { filter.level = $('level').value; changed(); });
  $('differs').addEventListener('change', () => { filter.differs = $('differs').checked; changed(); });
  document.querySelector('.tools').addEventListener('submit', (event) => event.preventDefault());
  $('clear').addEventListener('click', () => {
    Object.assign(filter, { query: '', suite: '', level: '', differs: false, status: new Set(), change: new Set(), columns: new Set() });
    for (const chip of document.querySelectorAll('.chip')) chip.setAttribute('aria-pressed', 'false');
    showColumns();
  });
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
  window.addEventListener('hashchange', follow);
  window.addEventListener('resize', () => { clearTimeout(waiting); waiting = setTimeout(draw, 120); });
  // Paper cannot unfold anything.
  window.addEventListener('beforeprint', () => { for (const suite of data.suites) folded.set(suite.name, false); draw(); drawSome(Infinity); });
}

prepare();
listen();
draw();
follow();
