// The last nightly runs beside a row, and in the drawer: a bar for each night, the higher the worse.
const MARKS = new Map(data.marks.map(([letter, key, height, word], rank) => [letter, { key, height, word, rank }]));

/** The worst of several strips, night by night. */
function worst(strips) {
  const [first, ...rest] = strips;
  return [...first].map((letter, at) => rest.reduce((was, strip) => (MARKS.get(strip[at]).rank > MARKS.get(was).rank ? strip[at] : was), letter)).join('');
}

/** What a strip shows, in words. */
function nightsLabel(strip) {
  const counts = data.marks.map(([letter, , , word]) => [[...strip].filter((one) => one === letter).length, word]).filter(([number]) => number).reverse();
  return `${plural(strip.length, 'nightly run')}: ${counts.map(([number, word]) => `${number} ${word}`).join(', ')}`;
}

function nightsMarkup(strip) {
  const bars = [...strip].map((letter, at) => {
    const { key, height } = MARKS.get(letter);
    return height ? `<rect class="f-${key}" x="${4 * at}" y="${12 - height}" width="3" height="${height}"/>` : '';
  });
  const width = 4 * strip.length;
  return `<svg class="nights" width="${width}" height="12" viewBox="0 0 ${width} 12" role="img" aria-label="${esc(nightsLabel(strip))}"><title>${esc(nightsLabel(strip))}</title>${bars.join('')}</svg>`;
}

/** The nights of a row over the columns that are shown; nothing if they are the same in every night. */
function rowNights(row, shown) {
  const strips = (row.nights || []).filter(([at]) => shown.includes(at)).map(([, strip]) => strip);
  return strips.length ? nightsMarkup(worst(strips)) : '';
}

/** The nights of one cell, or of every cell of a row. */
function nights(row, column) {
  const own = (row.nights || []).filter(([at]) => column < 0 || at === column);
  if (!own.length) return [];
  const lines = own.map(([at, strip, since]) => {
    const line = el('li', {}, column < 0 ? el('strong', {}, data.columns[at].name, ' ') : '');
    line.insertAdjacentHTML('beforeend', nightsMarkup(strip));
    line.append(el('div', { class: 'muted' }, since ? `${since}; ${nightsLabel(strip)}` : nightsLabel(strip)));
    return line;
  });
  return [el('h3', {}, 'Nightly runs'), el('ul', { class: 'plain' }, lines)];
}
