#!/usr/bin/env node
// All fills as CSV, page after page:   export_fills.mjs [FILE [QUERY]]   for example export_fills.mjs day.csv from=today
// The file appears when it is whole. Exit status: 0 written, 1 refused or failed.
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const bridge = process.env.BRIDGE_URL ?? 'http://127.0.0.1:8787';
const [path = 'fills.csv', query] = process.argv.slice(2);
const part = `${path}.part`;

try {
  let next = `/fills.csv?limit=1000${query ? `&${query}` : ''}`;
  let rows = 0;
  for (let page = 0; next; page++) {
    const reply = await fetch(bridge + next, { signal: AbortSignal.timeout(60_000) });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${reply.status} from ${next}: ${text}`);
    // Each page begins with the line of column names: it is kept from the first.
    const body = text.slice(text.indexOf('\n') + 1);
    if (page === 0) writeFileSync(part, text);
    else appendFileSync(part, body);
    rows += body.split('\n').length - 1;
    next = /<([^>]*)>; *rel="next"/.exec(reply.headers.get('link') ?? '')?.[1];
  }
  renameSync(part, path);
  console.log(`${rows} fills in ${path}`);
} catch (error) {
  console.error(`${bridge}: ${error.cause?.message ?? error.message}`);
  rmSync(part, { force: true });
  process.exit(1);
}
