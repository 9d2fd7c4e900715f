'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const $ = (id) => document.getElementById(id);
  // In the order of the numbers that cells hold; 8 is a cell that only the baseline has.
  const STATUS = [
    { key: 'failed', symbol: '✕', word: 'failed' },
    { key: 'error', symbol: '!', word: 'error' },
    { key: 'not-evaluated', symbol: '?', word: 'not evaluated', short: 'not eval.' },
    { key: 'flaky', symbol: '↻', word: 'flaky' },
    { key: 'waived', symbol: '~', word: 'waived' },
    { key: 'known', symbol: '=', word: 'known' },
    { key: 'not-applicable', symbol: '–', word: 'not applicable', short: 'n/a' },
    { key: 'passed', symbol: '✓', word: 'passed' },
    { key: 'gone', symbol: '∅', word: 'gone' },
  ];
  const STANDING = { failed: 'failed', passed: 'passed', 'passed in part': 'not-evaluated', broken: 'error', error: 'error' };
  const [AT_STATUS, AT_SECONDS, AT_REASON, AT_DETAIL, AT_CHANGE] = [0, 1, 2, 3, 4];
  const GONE = 8;
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
      row.haystack = [row.id, row.title, row.control || '', ...reasons].join('\n').toLowerCase();
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
    const dim = dims && !hit(cell) ? ' dim' : '';
    const open = opened && opened.row === row && opened.column === at ? ' class="open"' : '';
    return `<td ${where}${open}${reason ? ` title="${esc(reason)}"` : ''}>`
      + `<div class="cell s-${one.key}${dim}"><span><b aria-hidden="true">${one.symbol}</b>${one.short || one.word}</span>${change}</div></td>`;
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
      + `${esc(suite.name)} <span class="muted">${all}</span></th>${cells.join('')}</tr>`;
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

  /** The cell of a place that survives a redraw: a row's number or a suite's name, and the position in the row. */
  function find(place) {
    if (place.row === null) return null;
    const selector = typeof place.row === 'number' ? `[data-row="${place.row}"]` : `[data-suite="${CSS.escape(place.row)}"]`;
    const first = $('cells').querySelector(selector);
    const cells = first ? first.parentElement.children : [];
    return cells[Math.min(place.column, cells.length - 1)] || null;
  }

  function focus(cell) {
    if (!cell) return;
    for (const old of $('cells').querySelectorAll('[tabindex="0"]')) old.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus({ preventScroll: true });
    reveal(cell);
    remember(cell);
  }

  function remember(cell) {
    const row = cell.dataset.suite === undefined ? Number(cell.dataset.row) : cell.dataset.suite;
    active = { row, column: [...cell.parentElement.children].indexOf(cell) };
  }

  /** Scrolls so that the sticky header and the sticky first column do not hide the cell. */
  function reveal(cell) {
    const sheet = cell.closest('.sheet');
    const [box, at] = [sheet.getBoundingClientRect(), cell.getBoundingClientRect()];
    const head = $('cells').tHead.getBoundingClientRect().height;
    const first = cell.parentElement.firstElementChild.getBoundingClientRect().width;
    if (at.top < box.top + head) sheet.scrollTop -= box.top + head - at.top + 2;
    else if (at.bottom > box.bottom) sheet.scrollTop += at.bottom - box.bottom + 14;
    if (cell.cellIndex > 0) {
      if (at.left < box.left + first) sheet.scrollLeft -= box.left + first - at.left + 2;
      else if (at.right > box.right) sheet.scrollLeft += at.right - box.right + 14;
    }
    if (box.top < 0 || box.bottom > innerHeight) cell.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }

  function toggle(name) {
    const head = $('cells').querySelector(`th[data-suite="${CSS.escape(name)}"]`);
    folded.set(name, head.getAttribute('aria-expanded') === 'true');
    draw();
  }

  function act(cell) {
    remember(cell);
    if (cell.dataset.suite !== undefined) {
      toggle(cell.dataset.suite);
      focus(find(active));
    } else {
      open(rows[Number(cell.dataset.row)], Number(cell.dataset.column));
    }
  }

  function move(event) {
    const cell = event.target.closest('[tabindex]');
    if (!cell || event.altKey || event.metaKey) return;
    drawSome(Infinity);
    const lines = [...$('cells').tBodies].flatMap((body) => [...body.rows]);
    const [y, x] = [lines.indexOf(cell.parentElement), cell.cellIndex];
    const to = (line, place) => {
      const target = lines[Math.max(0, Math.min(line, lines.length - 1))];
      focus(target.cells[Math.max(0, Math.min(place, target.cells.length - 1))]);
    };
    const keys = {
      ArrowUp: () => to(y - 1, x), ArrowDown: () => to(y + 1, x), ArrowLeft: () => to(y, x - 1), ArrowRight: () => to(y, x + 1),
      PageUp: () => to(y - 12, x), PageDown: () => to(y + 12, x),
      Home: () => to(event.ctrlKey ? 0 : y, 0), End: () => to(event.ctrlKey ? lines.length : y, lines[y].cells.length),
      Enter: () => act(cell), ' ': () => act(cell),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  /** The word for a cell with its symbol, coloured. */
  function mark(cell) {
    const one = cell ? STATUS[cell[AT_STATUS]] : null;
    return one ? el('span', { class: `s-${one.key}` }, `${one.symbol} ${one.word}`) : el('span', { class: 'muted' }, 'not asked');
  }

  function facts(pairs) {
    const list = el('dl', { class: 'drawer-facts' });
    for (const [name, value] of pairs) if (value) list.append(el('dt', {}, name), el('dd', {}, value));
    return list;
  }

  function findings(detail) {
    return (detail.findings || []).map(([resource, summary, text, remedy]) => el('div', { class: 'finding' },
      el('strong', {}, resource), el('p', {}, summary),
      text && el('pre', { tabindex: '0' }, text),
      remedy && el('div', { class: 'remedy' }, el('b', {}, 'Remedy: '), remedy)));
  }

  function placements(detail) {
    if (!detail.placements) return [];
    const lines = detail.placements.map(([pod, node, instance, ami]) => el('li', {},
      el('code', {}, [pod && `pod ${pod} on`, node, [instance, ami].filter(Boolean).join(', ')].filter(Boolean).join(' '))));
    return [el('h3', {}, 'Ran on'), el('ul', { class: 'plain' }, lines)];
  }

  function evidence(detail) {
    if (!detail.evidence) return [];
    const pieces = detail.evidence.map(([name, text, file, link]) => el('details', { open: detail.evidence.length === 1 },
      el('summary', {}, name), text && el('pre', { tabindex: '0' }, text),
      file && el('p', {}, 'Whole: ', link ? el('a', { href: link }, file) : el('code', {}, file))));
    return [el('h3', {}, 'Evidence'), ...pieces];
  }

  function attempts(detail) {
    if (!detail.attempts) return [];
    const lines = detail.attempts.map(([word, reason], at) => el('li', {}, `Attempt ${at + 1}: ${word}${reason ? `: ${reason}` : ''}`));
    return [el('h3', {}, 'Earlier attempts'), el('ul', { class: 'plain' }, lines)];
  }

  function others(row, column) {
    const buttons = data.columns.map((one, at) => {
      if (!row.cells[at]) return null;
      const reason = at === column ? '' : data.strings[row.cells[at][AT_REASON]];
      const button = el('button', { type: 'button', 'aria-current': at === column ? 'true' : null },
        el('span', {}, one.name), mark(row.cells[at]), reason && el('small', { class: 'muted' }, reason));
      button.addEventListener('click', () => open(row, at));
      return button;
    });
    return [el('h3', {}, 'This check on every variant'), el('div', { class: 'others' }, buttons)];
  }

  function open(row, column) {
    const drawer = $('drawer');
    const cell = column < 0 ? null : row.cells[column];
    const detail = (cell && data.details[cell[AT_DETAIL]]) || {};
    const origin = { hardening: 'hardening: the reference passes', environment: 'environment: the reference fails too', unknown: 'unknown: no reference, or it was not evaluated' }[detail.origin];
    const close = el('button', { type: 'button', class: 'close', 'aria-label': 'Close' }, '×');
    close.addEventListener('click', shut);
    const title = el('h2', { id: 'drawer-title', tabindex: '-1' }, row.title);
    const reason = cell ? data.strings[cell[AT_REASON]] : '';
    drawer.replaceChildren(
      el('header', {}, el('div', {}, el('code', { class: 'muted' }, row.id), title), close),
      column < 0 ? '' : el('p', {}, el('strong', {}, data.columns[column].name, ' '), el('span', { class: `pill s-${cell ? STATUS[cell[AT_STATUS]].key : 'not-applicable'}` }, mark(cell))),
      cell && reason && !(detail.findings || []).length || detail.waiver ? el('p', {}, reason) : '',
      facts([
        ['Control', row.control], ['Level', row.level && `Level ${row.level}`], ['Origin', origin],
        ['Change', cell && cell[AT_CHANGE] && data.changes[cell[AT_CHANGE] - 1]],
        ['Waiver', detail.waiver && `${detail.waiver[0]}, until ${detail.waiver[1]}`],
        ['Took', cell && cell[AT_STATUS] !== GONE && `${cell[AT_SECONDS]} s`],
        ['Exercises', detail.exercises && detail.exercises.join(', ')],
      ]),
      ...((detail.findings || []).length ? [el('h3', {}, 'Findings'), ...findings(detail)] : []),
      ...attempts(detail), ...evidence(detail), ...placements(detail), ...others(row, column),
    );
    drawer.hidden = false;
    drawer.scrollTop = 0;
    opened = { row, column };
    outline();
    history.replaceState(null, '', `#${encodeURIComponent(row.id)}${column < 0 ? '' : `@${encodeURIComponent(data.columns[column].name)}`}`);
    title.focus({ preventScroll: true });
  }

  function outline() {
    for (const old of $('cells').querySelectorAll('.open')) old.classList.remove('open');
    if (!opened) return;
    const cell = $('cells').querySelector(`[data-row="${opened.row.number}"][data-column="${opened.column}"]`);
    if (cell) cell.classList.add('open');
  }

  function shut() {
    if ($('drawer').hidden) return;
    $('drawer').hidden = true;
    opened = null;
    outline();
    history.replaceState(null, '', location.pathname + location.search);
    focus(find(active));
  }

  /** Opens what the address names, so that a cell can be linked to. */
  function follow() {
    const [id, name] = location.hash.slice(1).split('@').map(decodeURIComponent);
    const row = rows.find((one) => one.id === id);
    if (!row) return;
    folded.set(row.suite.name, false);
    active = { row: row.number, column: data.columns.findIndex((one) => one.name === name) + 1 };
    draw();
    reveal(find(active));
    open(row, active.column - 1);
  }

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
    for (const suite of data.suites) $('suite').append(el('option', { value: suite.name }, `${suite.name} (${suite.rows.length})`));
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
})();
