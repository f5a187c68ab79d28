// Small helpers. Data only ever becomes text nodes and attributes of a fixed name.

export const byId = (id) => document.getElementById(id);

// el('td', { class: 'number', title: '...' }, child, 'text', ...)
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// Touches the document only where something differs: most frames change few cells.
export function setText(node, text) {
  const wanted = text ?? '';
  if (node.firstChild?.nodeValue !== wanted || node.childNodes.length > 1) node.textContent = wanted;
}

export function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

export function setTitle(node, text) {
  if (text) {
    if (node.title !== text) node.title = text;
  } else if (node.hasAttribute('title')) {
    node.removeAttribute('title');
  }
}

// A cell's content is a text, or { text, class, title, badge: [text, class] }.
function fill(cell, column, content) {
  const value = typeof content === 'object' && content !== null ? content : { text: content };
  setClass(cell, [column.class, value.class].filter(Boolean).join(' '));
  setTitle(cell, value.title);
  if (!value.badge) {
    setText(cell, value.text ?? '');
    return;
  }
  if (cell.childNodes.length !== 2) cell.replaceChildren(document.createTextNode(''), el('span'));
  const [text, badge] = cell.childNodes;
  if (text.nodeValue !== value.text + ' ') text.nodeValue = value.text + ' ';
  setText(badge, value.badge[0]);
  setClass(badge, `badge ${value.badge[1]}`);
}

// Rows of `tbody` that follow a list by key: a row lives as long as its item does.
export function createRows(tbody, columns) {
  const rows = new Map();

  function build() {
    const row = el('tr');
    for (const column of columns) row.append(column.head ? el('th', { scope: 'row' }) : el('td'));
    return row;
  }

  return function sync(items, keyOf) {
    const seen = new Set();
    let next = tbody.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      let row = rows.get(key);
      if (!row) rows.set(key, (row = build()));
      seen.add(key);
      columns.forEach((column, index) => fill(row.children[index], column, column.show(item)));
      if (row === next) next = next.nextElementSibling;
      else tbody.insertBefore(row, next);
    }
    for (const [key, row] of rows) {
      if (seen.has(key)) continue;
      row.remove();
      rows.delete(key);
    }
  };
}

// A table with its heads, inside `holder`; returns sync(items, keyOf, emptyText, more).
export function createTable(holder, caption, columns) {
  const body = el('tbody');
  const empty = el('p', { class: 'empty' });
  const heads = columns.map((column) => el('th', { scope: 'col', class: column.class }, column.title));
  const table = el('table', {}, el('caption', { class: 'unseen' }, caption), el('thead', {}, el('tr', {}, ...heads)), body);
  holder.replaceChildren(el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, table, empty));
  const rows = createRows(body, columns);
  return (items, keyOf, emptyText, more = '') => {
    rows(items, keyOf);
    const text = items.length === 0 ? emptyText : more;
    setText(empty, text);
    empty.hidden = !text;
    empty.classList.toggle('more', items.length > 0);
  };
}
