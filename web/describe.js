// One line for the list of events. Pure.

import { brief, clock, group } from './format.js';
import { guardChange } from './guard.js';

function title(word) {
  return word ? word[0].toUpperCase() + word.slice(1).replace(/_/g, ' ') : '';
}

function size(data) {
  return data.qty ?? (data.quote_qty ? `${data.quote_qty} of quote` : '');
}

const orderTags = { cancelled: 'cancel', rejected: 'reject', not_sent: 'not sent', never_accepted: 'reject', untriggered: 'waiting' };

function describeOrder(data) {
  const paid = data.price ?? brief(data.avg_price);
  const price = paid ? `@ ${group(paid)}` : data.type === 'market' ? 'at market' : '';
  const why = data.reject_reason || (data.state === 'cancelled' ? data.cancel_reason : null);
  return {
    kind: 'order',
    tag: orderTags[data.state] ?? data.state ?? 'order',
    text: `${title(data.side)} ${size(data)} ${data.symbol} ${price}`.trim(),
    end: data.state === 'partial' ? `${data.filled_qty} filled` : why ?? '',
    who: data.tag || data.client || '',
  };
}

function describeFill(data) {
  const word = data.kind === 'trade' ? title(data.side) : `${title(data.kind)} ${data.side ?? ''}`.trim();
  return {
    kind: 'fill',
    tag: 'fill',
    text: `${word} ${data.qty ?? ''} ${data.symbol} @ ${group(data.price)}`,
    end: '',
    who: data.tag || data.client || '',
  };
}

function system(tag, text, end = '') {
  return { kind: 'system', tag, text, end, who: '' };
}

const describers = {
  order: describeOrder,
  fill: describeFill,
  status: (data) => system(['down', 'stale'].includes(data.state) ? 'down' : 'link', `Link ${data.link}`, title(data.state)),
  gap: (data) => system('gap', `Gap: ${String(data.topic ?? 'feed').replace(/^(\w+):(linear|spot|inverse|option):/, '$1 ')}`,
    [data.from && `from ${clock(Number(data.from))}`, data.repaired ? 'repaired' : 'being repaired'].filter(Boolean).join(', ')),
  reset: (data) => system('reset', 'Rebuilt from a snapshot', data.reason ?? ''),
  bye: (data) => system('down', 'The bridge says bye', data.reason ?? ''),
  guard: (data) => system(data.killed ? 'kill' : 'guard', ...guardChange(data)),
};

export function describe(event, data, now) {
  const at = data.ts ?? data.recv_at ?? now;
  return { ...(describers[event]?.(data) ?? system(event, title(event))), at };
}
