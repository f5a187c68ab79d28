// The guard in words: what the banner says while the bridge is killed. Pure.

import { clock } from './format.js';

const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

function counts(kill) {
  if (!kill) return '';
  const parts = [
    kill.open_count && `${kill.open_count} still open`,
    kill.unknown_count && `${kill.unknown_count} with an unknown outcome`,
    kill.cancelled_count && `${kill.cancelled_count} cancelled`,
    kill.filled_count && `${kill.filled_count} filled before the cancel came`,
    kill.not_sent_count && `${kill.not_sent_count} never sent`,
  ];
  return parts.filter(Boolean).join(', ');
}

function troubles(kill) {
  const scopes = (kill?.scopes ?? []).filter((scope) => scope.error && scope.state !== 'clear');
  return scopes.map((scope) => `${scope.category} ${scope.state}: ${scope.error}`);
}

// null: not killed. `guard` is what topic guard says, `report` is GET /guard, or null.
export function killedLine(guard, report) {
  if (!guard?.killed) return null;
  const since = Number.isFinite(guard.since) ? ` since ${clock(guard.since)}` : '';
  const kill = report?.kill ?? null;
  const told = counts(kill);
  const sentences = [
    `KILLED${since}${guard.reason ? `: ${guard.reason}` : ''}`,
    guard.clear ? `Nothing is open${told ? ` (${told})` : ''}` : `Still cancelling${told ? `: ${told}` : ''}`,
    ...troubles(kill),
  ];
  if (report?.durable === false) sentences.push('Not stored yet: a restart would end it');
  sentences.push('No order is sent until POST /guard/arm');
  return sentences.map((sentence) => sentence.replace(/\.$/, '')).join('. ') + '.';
}

// For the list of events: [text, end].
export function guardChange(data) {
  const limits = Object.values(data.limits ?? {}).filter((value) => value !== null && value !== false).length;
  switch (data.change) {
    case 'killed': return ['Killed: no order is sent', data.reason ?? ''];
    case 'clear': return ['Killed, and nothing is open any more', ''];
    case 'armed': return ['Armed: orders are sent again', data.reason ?? ''];
    case 'limits': return ['Limits changed', limits ? plural(limits, 'limit is on', 'limits are on') : 'none is on'];
    default: return ['Guard', data.reason ?? ''];
  }
}
