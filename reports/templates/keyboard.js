// Moving through the grid: one cell is in the tab order, arrow keys take it along.
/** The cell of a place that survives a redraw: a row's number or a suite's name, and the position in the row. */
function find(place) {
  if (place.row === null) return null;
  const at = typeof place.row === 'number' ? lineOf.get(place.row) : lines.findIndex((line) => line.suite === place.row);
  const line = lineAt(at);
  const cells = line ? line.children : [];
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
  // A row that the filters hide has no cell.
  if (!cell) return;
  const sheet = cell.closest('.sheet');
  const [box, at] = [sheet.getBoundingClientRect(), cell.getBoundingClientRect()];
  const head = $('cells').tHead.getBoundingClientRect().height;
  const first = cell.parentElement.firstElementChild.getBoundingClientRect().width;
  if (at.top < box.top + head) sheet.scrollTop -= box.top + head - at.top + 2;
  else if (at.bottom > box.bottom - 16) sheet.scrollTop += at.bottom - box.bottom + 22;
  if (cell.cellIndex > 0) {
    if (at.left < box.left + first) sheet.scrollLeft -= box.left + first - at.left + 2;
    else if (at.right > box.right) sheet.scrollLeft += at.right - box.right + 14;
  }
  // On a narrow screen the drawer is below: the cell must be above it.
  const drawer = $('drawer').hidden ? null : $('drawer').getBoundingClientRect();
  const floor = drawer && getComputedStyle($('drawer')).position === 'fixed' ? drawer.top : innerHeight;
  const now = cell.getBoundingClientRect();
  if (now.top < head + 8 || now.bottom > floor - 8) {
    scrollBy(0, now.top < head + 8 ? now.top - head - 60 : now.bottom - floor + 60);
  }
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
  if (!cell.closest('tbody')) return;
  const y = cell.dataset.suite === undefined ? lineOf.get(Number(cell.dataset.row)) : lines.findIndex((line) => line.suite === cell.dataset.suite);
  const x = cell.cellIndex;
  const to = (line, place) => {
    const target = lineAt(Math.max(0, Math.min(line, lines.length - 1)));
    focus(target.cells[Math.max(0, Math.min(place, target.cells.length - 1))]);
  };
  const keys = {
    ArrowUp: () => to(y - 1, x), ArrowDown: () => to(y + 1, x), ArrowLeft: () => to(y, x - 1), ArrowRight: () => to(y, x + 1),
    PageUp: () => to(y - 12, x), PageDown: () => to(y + 12, x),
    Home: () => to(event.ctrlKey ? 0 : y, 0), End: () => to(event.ctrlKey ? lines.length : y, cell.parentElement.cells.length),
    Enter: () => act(cell), ' ': () => act(cell),
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
}
