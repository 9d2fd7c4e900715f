// The drawer beside the grid: everything about one cell, or about one check on all variants.
/** The word for a cell with its symbol, coloured. */
function mark(cell) {
  const one = cell ? STATUS[cell[AT_STATUS]] : null;
  return one ? el('span', { class: `s-${one.key}` }, `${one.symbol} ${one.word}`) : el('span', { class: 'muted' }, 'not run');
}

function facts(pairs) {
  const list = el('dl', { class: 'drawer-facts' });
  for (const [name, value] of pairs) if (value) list.append(el('dt', {}, name), el('dd', {}, value));
  return list;
}

// What several drawers have in common is in the data once.
const PARTS = ['findings', 'evidence', 'cause', 'waiver', 'placements', 'attempts', 'exercises'];

/** The content of a cell's drawer. */
function detailOf(cell) {
  const own = cell ? data.details[cell[AT_DETAIL]] : {};
  const parts = PARTS.filter((name) => own[name]).map((name) => [name, data.parts[own[name]]]);
  return { ...own, ...Object.fromEntries(parts) };
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

/** The setting that explains the failure. */
function cause(detail) {
  if (!detail.cause) return [];
  const [line, values, help] = detail.cause;
  return [el('h3', {}, 'Cause'), el('p', {}, line), el('p', {}, el('code', {}, values)),
    el('ul', { class: 'plain' }, help.map((one) => el('li', {}, one)))];
}

/** What each scanner answered, where several judge the control. */
function answers(cell) {
  const all = cell && cell[AT_ANSWERS] ? data.parts[cell[AT_ANSWERS]] : null;
  if (!all) return [];
  const list = all.answers.map(([scanner, status, reason, check]) => {
    const one = STATUS[status];
    return el('li', {}, el('strong', {}, scanner, ' '), el('span', { class: `s-${one.key}` }, `${one.symbol} ${one.word}`),
      el('code', { class: 'muted' }, ` ${check}`), reason ? el('div', {}, reason) : '');
  });
  return [el('h3', {}, all.differ ? 'Scanners disagree' : 'What each scanner says'), el('ul', {}, list)];
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

/** Says that the row is not in the grid, with the way to see it there. */
function hiddenNote(row) {
  if (matches(row, columns()) && (opened.column < 0 || columns().includes(opened.column))) return '';
  const button = el('button', { type: 'button' }, 'Clear the filters');
  button.addEventListener('click', () => { clearFilters(); });
  return el('p', { class: 'note' }, 'The filters hide this cell in the grid. ', button);
}

function took(cell, detail) {
  if (!cell || cell[AT_STATUS] === GONE) return '';
  return detail.scanSeconds ? `${detail.scanSeconds} s for the whole scan` : `${cell[AT_SECONDS]} s`;
}

/** Shows a cell; `step`: whether to push a history entry, so that Back closes it. */
function open(row, column, step = true) {
  const drawer = $('drawer');
  const cell = column < 0 ? null : row.cells[column];
  const detail = detailOf(cell);
  opened = { row, column };
  const close = el('button', { type: 'button', class: 'close', 'aria-label': 'Close' }, '×');
  close.addEventListener('click', () => shut());
  const link = el('button', { type: 'button', class: 'copy' }, 'Copy link');
  link.addEventListener('click', () => copy(link));
  const title = el('h2', { id: 'drawer-title', tabindex: '-1' }, row.title);
  const reason = cell ? data.strings[cell[AT_REASON]] : '';
  drawer.replaceChildren(
    el('div', { class: 'drawer-head' }, el('div', {}, el('code', { class: 'muted' }, row.id), title), link, close),
    column < 0 ? '' : el('p', {}, el('strong', {}, data.columns[column].name, ' '), el('span', { class: `pill s-${cell ? STATUS[cell[AT_STATUS]].key : 'not-applicable'}` }, mark(cell))),
    hiddenNote(row),
    cell && reason && !(detail.findings || []).length || detail.waiver ? el('p', {}, reason) : '',
    facts([
      ['Control', row.control], ['Level', row.level && `Level ${row.level}`], ['Origin', ORIGINS.get(detail.origin)],
      ['Scanner', detail.scanner], ['Severity', detail.severity], ['Disagreement', detail.disagreement],
      ['Change', cell && cell[AT_CHANGE] && data.changes[cell[AT_CHANGE] - 1]],
      ['Waiver', detail.waiver && `${detail.waiver[0]}, until ${detail.waiver[1]}`],
      ['Took', took(cell, detail)],
      ['Exercises', detail.exercises && detail.exercises.join(', ')],
    ]),
    ...cause(detail),
    ...answers(cell),
    ...((detail.findings || []).length ? [el('h3', {}, 'Findings'), ...findings(detail)] : []),
    ...nights(row, column), ...attempts(detail), ...evidence(detail), ...placements(detail), ...others(row, column),
  );
  drawer.hidden = false;
  drawer.scrollTop = 0;
  // The drawer takes its space from the grid and covers nothing of it.
  layout(columns().length);
  outline();
  if (step) record();
  title.focus({ preventScroll: true });
  const shown = columns();
  active = { row: row.number, column: column < 0 ? 0 : shown.indexOf(column) + 1 };
  reveal(find(active));
  settling = performance.now() + 600;
}

function outline() {
  for (const old of $('cells').querySelectorAll('.open')) old.classList.remove('open');
  if (!opened) return;
  const cell = $('cells').querySelector(`[data-row="${opened.row.number}"][data-column="${opened.column}"]`);
  if (cell) cell.classList.add('open');
}

function shut(step = true) {
  if ($('drawer').hidden) return;
  $('drawer').hidden = true;
  opened = null;
  layout(columns().length);
  outline();
  if (step) record();
  const cell = find(active);
  if (cell) focus(cell); else $('query').focus({ preventScroll: true });
}
