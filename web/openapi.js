// Reads an OpenAPI 3.1 document. Pure.

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const REFS_MAX = 8;

// What a $ref points to; the object itself when it is none.
export function resolve(document, object) {
  let found = object;
  for (let i = 0; found?.$ref && i < REFS_MAX; i++) {
    if (!found.$ref.startsWith('#/')) return {};
    found = found.$ref.slice(2).split('/').reduce((at, key) => at?.[key.replace(/~1/g, '/').replace(/~0/g, '~')], document);
  }
  return found ?? {};
}

export function refName(object) {
  return object?.$ref?.split('/').at(-1) ?? null;
}

// [{ name, description, operations: [{ method, path, operation, parameters }] }] in the document's
// order; what has no tag is together.
export function groups(document) {
  const found = new Map((document.tags ?? []).map((tag) => [tag.name, { name: tag.name, description: tag.description ?? '', operations: [] }]));
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      const name = operation.tags?.[0] ?? 'Endpoints';
      if (!found.has(name)) found.set(name, { name, description: '', operations: [] });
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((one) => resolve(document, one));
      found.get(name).operations.push({ method: method.toUpperCase(), path, operation, parameters });
    }
  }
  return [...found.values()].filter((group) => group.operations.length);
}

// "string", "array of Order", "buy | sell", "string or null"
export function typeText(document, schema) {
  if (!schema) return '';
  const name = refName(schema);
  if (name) return name;
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum) return schema.enum.map((value) => String(value)).join(' | ');
  const either = schema.oneOf ?? schema.anyOf;
  if (either) return either.map((one) => typeText(document, one)).join(' or ');
  if (schema.allOf) return schema.allOf.map((one) => typeText(document, one)).join(' and ');
  const types = [schema.type ?? 'any'].flat();
  const words = types.map((type) => (type === 'array' ? `array of ${typeText(document, schema.items ?? {})}` : type));
  return words.join(' or ') + (schema.format ? ` (${schema.format})` : '');
}

// The named schemas that a schema speaks of.
export function schemaNames(schema) {
  const names = new Set();
  const visit = (at) => {
    if (!at || typeof at !== 'object') return;
    const name = refName(at);
    if (name) names.add(name);
    Object.values(at).forEach(visit);
  };
  visit(schema);
  return [...names];
}

export function exampleOf(document, holder) {
  if (!holder) return undefined;
  if (holder.example !== undefined) return holder.example;
  const examples = Object.values(holder.examples ?? {});
  if (examples.length) return examples[0]?.value ?? examples[0];
  const schema = resolve(document, holder.schema);
  return schema?.example ?? schema?.examples?.[0] ?? schema?.default;
}

const asText = (value) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
const quote = (text) => (/^[A-Za-z0-9_./:@%=-]+$/.test(text) ? text : `'${text.replace(/'/g, `'\\''`)}'`);

function bodyArgument(document, operation) {
  const content = resolve(document, operation.requestBody)?.content ?? {};
  const [type, media] = Object.entries(content)[0] ?? [];
  if (!type) return [];
  const example = exampleOf(document, media);
  if (example === undefined) return [];
  const form = content['application/x-www-form-urlencoded'];
  if (form && typeof example === 'object' && !Array.isArray(example))
    return Object.entries(example).map(([name, value]) => `-d ${quote(`${name}=${asText(value)}`)}`);
  return [`-d ${quote(asText(example))}`];
}

// A line for the shell that calls the operation.
export function curlLine(document, { method, path, operation, parameters }, base) {
  const value = (parameter) => exampleOf(document, parameter);
  let target = path;
  for (const parameter of parameters.filter((one) => one.in === 'path'))
    target = target.replace(`{${parameter.name}}`, asText(value(parameter) ?? parameter.name.toUpperCase()));
  const query = parameters.filter((one) => one.in === 'query' && (one.required || one.example !== undefined))
    .map((one) => `${one.name}=${asText(value(one) ?? '')}`).join('&');
  const words = ['curl'];
  if (path === '/stream') words.push('-N');
  const body = bodyArgument(document, operation);
  if (method !== 'GET' && !(method === 'POST' && body.length)) words.push(`-X ${method}`);
  return [...words, quote(base + target + (query ? `?${query}` : '')), ...body].join(' ');
}

// All that a search looks into, in lower case.
export function searchText({ method, path, operation, parameters }) {
  return [method, path, operation.summary, operation.description, operation.operationId, ...(operation.tags ?? []),
    ...parameters.flatMap((one) => [one.name, one.description])].filter(Boolean).join(' ').toLowerCase();
}
