// /openapi.json as a page: operations by group, their parameters, bodies and answers, and the schemas.

import { get } from './api.js';
import { byId, el, setText } from './dom.js';
import { curlLine, exampleOf, groups, refName, resolve, schemaNames, searchText, typeText } from './openapi.js';

const searchable = []; // { node, text }

function slug(text) {
  return text.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '');
}

// `code` in backquotes; the rest as it is.
function prose(text) {
  const parts = String(text ?? '').split(/`([^`]+)`/);
  return el('p', { class: 'prose' }, ...parts.map((part, index) => (index % 2 ? el('code', {}, part) : part)));
}

function typeCell(document_, schema) {
  const cell = el('td', { class: 'type' });
  const text = typeText(document_, schema);
  const names = new Set(schemaNames(schema).filter((name) => document_.components?.schemas?.[name]));
  for (const word of text.split(/(\W+)/))
    cell.append(names.has(word) ? el('a', { href: `#schema-${word}` }, word) : word);
  return cell;
}

function row(document_, name, required, schema, description) {
  const whole = resolve(document_, schema);
  const more = [description ?? whole.description, whole.default !== undefined && `Default: ${whole.default}.`,
    whole.maximum !== undefined && `At most ${whole.maximum}.`].filter(Boolean).join(' ');
  return el('tr', {}, el('th', { scope: 'row' }, el('code', {}, name), required ? el('span', { class: 'needed', title: 'required' }, ' needed') : ''),
    typeCell(document_, schema), el('td', {}, prose(more)));
}

function table(caption, rows) {
  const heads = ['Name', 'Type', 'Meaning'].map((text) => el('th', { scope: 'col' }, text));
  return el('div', { class: 'scroll' }, el('table', {}, el('caption', {}, caption), el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...rows)));
}

function properties(document_, schema, caption) {
  const whole = resolve(document_, schema);
  const parts = [whole, ...(whole.allOf ?? []).map((one) => resolve(document_, one))];
  const rows = parts.flatMap((part) => Object.entries(part.properties ?? {}).map(([name, one]) =>
    row(document_, name, part.required?.includes(name) && caption !== 'Members', one)));
  return rows.length ? table(caption, rows) : null;
}

function pre(value) {
  return el('pre', { tabindex: '0' }, typeof value === 'string' ? value : JSON.stringify(value, null, 2));
}

function curl(line) {
  const button = el('button', { type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(line);
      setText(button, 'Copied');
    } catch {
      const range = document.createRange();
      range.selectNodeContents(button.previousElementSibling);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      setText(button, 'Selected');
    }
    setTimeout(() => setText(button, 'Copy'), 1500);
  });
  return el('div', { class: 'curl' }, el('pre', { tabindex: '0', 'aria-label': 'A line for the shell' }, line), button);
}

function media(document_, content) {
  const parts = [];
  for (const [type, one] of Object.entries(content ?? {})) {
    const line = el('p', {}, el('code', {}, type), ' ');
    const name = refName(one.schema) ?? refName(one.schema?.items);
    if (name) line.append(el('a', { href: `#schema-${name}` }, typeText(document_, one.schema)));
    else if (one.schema) line.append(typeText(document_, one.schema));
    parts.push(line);
    const members = one.schema && !name && properties(document_, one.schema, 'Members');
    if (members) parts.push(members);
    const example = one.example ?? Object.values(one.examples ?? {})[0]?.value;
    if (example !== undefined) parts.push(pre(example));
  }
  return parts;
}

function responses(document_, operation) {
  const parts = Object.entries(operation.responses ?? {}).map(([status, one]) => {
    const response = resolve(document_, one);
    return el('li', {}, el('strong', {}, status === 'default' ? 'else' : status), ' ', one.description ?? response.description ?? '', ...media(document_, response.content));
  });
  return el('ul', { class: 'answers' }, ...parts);
}

function operationNode(document_, found) {
  const { method, path, operation, parameters } = found;
  const node = el('details', { id: slug(`${method} ${path}`) },
    el('summary', {}, el('span', { class: `method ${method.toLowerCase()}` }, method), el('code', {}, path), el('span', { class: 'faint' }, operation.summary ?? '')));
  node.addEventListener('toggle', () => {
    if (!node.open || node.children.length > 1) return; // filled when it is first looked at
    node.append(prose(operation.description ?? ''), curl(curlLine(document_, found, window.location.origin)));
    if (parameters.length)
      node.append(table('Parameters', parameters.map((one) => row(document_, one.name, one.required, one.schema ?? {}, one.description))));
    const body = resolve(document_, operation.requestBody);
    if (body.content) {
      node.append(el('h4', {}, 'Body'), prose(body.description ?? ''), ...media(document_, body.content));
      const schema = Object.values(body.content)[0].schema;
      const members = refName(schema) && properties(document_, schema, 'Fields');
      if (members) node.append(members);
    }
    node.append(el('h4', {}, 'Answers'), responses(document_, operation));
  });
  searchable.push({ node, text: searchText(found) });
  return node;
}

function schemaNode(document_, name, schema) {
  const node = el('details', { id: `schema-${name}` }, el('summary', {}, el('code', {}, name), el('span', { class: 'faint' }, (schema.description ?? '').split('. ')[0])));
  node.addEventListener('toggle', () => {
    if (!node.open || node.children.length > 1) return;
    node.append(prose(schema.description ?? ''));
    node.append(properties(document_, schema, 'Members') ?? el('p', {}, typeText(document_, schema)));
    const example = exampleOf(document_, { schema });
    if (example !== undefined) node.append(pre(example));
  });
  searchable.push({ node, text: `${name} ${schema.description ?? ''} ${Object.keys(schema.properties ?? {}).join(' ')}`.toLowerCase() });
  return node;
}

function section(title, description, nodes) {
  const id = `group-${slug(title)}`;
  byId('contents').append(el('li', {}, el('a', { href: `#${id}` }, title)));
  return el('section', { id }, el('h2', {}, title), description ? prose(description) : '', ...nodes);
}

function search(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { node, text } of searchable) {
    node.hidden = !wanted.every((word) => text.includes(word));
    count += !node.hidden;
  }
  for (const part of byId('reference').querySelectorAll('section'))
    part.hidden = ![...part.querySelectorAll(':scope > details')].some((node) => !node.hidden);
  setText(byId('found'), wanted.length ? `${count} found` : '');
}

function openTarget() {
  const node = byId(decodeURIComponent(window.location.hash.slice(1)));
  if (node?.tagName === 'DETAILS') node.open = true;
  node?.scrollIntoView();
}

function show(document_) {
  const reference = byId('reference');
  setText(byId('version'), document_.info?.version ?? '');
  if (document_.info?.description) reference.append(prose(document_.info.description));
  for (const group of groups(document_))
    reference.append(section(group.name, group.description, group.operations.map((found) => operationNode(document_, found))));
  const schemas = Object.entries(document_.components?.schemas ?? {});
  if (schemas.length)
    reference.append(section('Schemas', '', schemas.map(([name, schema]) => schemaNode(document_, name, schema))));
  byId('search').addEventListener('input', (event) => search(event.target.value));
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target.matches('input')) return;
    event.preventDefault();
    byId('search').focus();
  });
  window.addEventListener('hashchange', openTarget);
  openTarget();
}

try {
  show(await get('/openapi.json'));
} catch (problem) {
  byId('search').disabled = true;
  const where = problem.status === 401
    ? ['This bridge asks for a token: ', el('a', { href: '/' }, 'give it there'), ' first.']
    : [`The reference can't be shown (${problem.message}). All of it is in `, el('a', { href: '/openapi.yaml' }, '/openapi.yaml'), '.'];
  byId('reference').append(el('p', {}, ...where));
}
