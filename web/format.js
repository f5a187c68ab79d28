// Decimal texts are shown as they come: nothing here makes a number of money. Sums and comparisons
// work on the digits. Floats are for lengths on the screen only (see `toFloat`).

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?$/;
const MINUS = '\u2212';
const NONE = '\u2013';

function split(text) {
  const found = DECIMAL.exec(text ?? '');
  return found && { negative: found[1] === '-', whole: found[2], fraction: found[3] ?? '' };
}

export function isDecimal(text) {
  return typeof text === 'string' && DECIMAL.test(text);
}

// "1234567.50" -> "1,234,567.50"; `decimals`: at least that many digits behind the point.
export function group(text, decimals = 0) {
  const parts = split(text);
  if (!parts) return text === null || text === undefined || text === '' ? NONE : String(text);
  const whole = parts.whole.replace(/\B(?=(\d{3})+$)/g, ',');
  const fraction = parts.fraction.padEnd(decimals, '0');
  return (sign(text) < 0 ? MINUS : '') + whole + (fraction ? '.' + fraction : '');
}

// The same with a sign in front of what is above zero.
export function signed(text, decimals = 0) {
  return (sign(text) > 0 ? '+' : '') + group(text, decimals);
}

// -1, 0, 1; 0 for what is no decimal.
export function sign(text) {
  const parts = split(text);
  if (!parts || !/[1-9]/.test(parts.whole + parts.fraction)) return 0;
  return parts.negative ? -1 : 1;
}

export function decimalsOf(text) {
  return split(text)?.fraction.length ?? 0;
}

// Below zero, zero, above zero, as a is to b.
export function compare(a, b) {
  const rest = difference(a, b);
  return Number(rest > 0n) - Number(rest < 0n);
}

function toInteger(parts, scale) {
  const digits = BigInt(parts.whole + parts.fraction.padEnd(scale, '0'));
  return parts.negative ? -digits : digits;
}

function difference(a, b) {
  const left = split(a);
  const right = split(b);
  if (!left || !right) return 0n;
  const scale = Math.max(left.fraction.length, right.fraction.length);
  return toInteger(left, scale) - toInteger(right, scale);
}

function fromInteger(integer, scale) {
  const negative = integer < 0n;
  const digits = (negative ? -integer : integer).toString().padStart(scale + 1, '0');
  const cut = digits.length - scale;
  return (negative ? '-' : '') + digits.slice(0, cut) + (scale ? '.' + digits.slice(cut) : '');
}

// The exact sum of the decimals in `texts`; null when there is none.
export function sum(texts) {
  const all = texts.map(split).filter(Boolean);
  if (all.length === 0) return null;
  const scale = Math.max(...all.map((parts) => parts.fraction.length));
  return fromInteger(all.reduce((total, parts) => total + toInteger(parts, scale), 0n), scale);
}

export function subtract(a, b) {
  if (!isDecimal(a) || !isDecimal(b)) return null;
  return fromInteger(difference(a, b), Math.max(decimalsOf(a), decimalsOf(b)));
}

// "0.0001" -> "0.01": a ratio as a percentage, by moving the point; at least `decimals` digits.
export function percent(text, decimals = 2) {
  const parts = split(text);
  if (!parts) return null;
  const digits = parts.fraction.padEnd(2, '0');
  const whole = (parts.whole + digits.slice(0, 2)).replace(/^0+(?=\d)/, '');
  const fraction = digits.slice(2).replace(/0+$/, '').padEnd(decimals, '0');
  return (parts.negative ? '-' : '') + whole + (fraction ? '.' + fraction : '');
}

// Digits behind `decimals` are left out (never rounded up), for places where room is short and the
// full text is in the title.
export function shorten(text, decimals) {
  const parts = split(text);
  if (!parts) return text;
  const fraction = parts.fraction.slice(0, decimals);
  return (parts.negative ? '-' : '') + parts.whole + (fraction ? '.' + fraction : '');
}

// For narrow columns: two digits behind the point, four below one.
export function brief(text) {
  const parts = split(text);
  return shorten(text, parts && /[1-9]/.test(parts.whole) ? 2 : 4);
}

// "2673193073.274" -> "2.67 B": a size at a glance.
export function large(text) {
  const parts = split(text);
  if (!parts) return NONE;
  const steps = [[13, ' T'], [10, ' B'], [7, ' M']];
  for (const [digits, unit] of steps) {
    if (parts.whole.length < digits) continue;
    const cut = parts.whole.length - digits + 1;
    return group((parts.negative ? '-' : '') + parts.whole.slice(0, cut) + '.' + parts.whole.slice(cut, cut + 2)) + unit;
  }
  return group(shorten(text, parts.whole.length > 3 ? 0 : 2));
}

// For bar widths and the chart.
export function toFloat(text) {
  return isDecimal(text) ? Number(text) : NaN;
}

export const dash = NONE;

// --- times ---

const two = (number) => String(number).padStart(2, '0');

// 12:03:04 by the local clock.
export function clock(ms) {
  if (!Number.isFinite(ms)) return NONE;
  const date = new Date(ms);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function minute(ms) {
  return clock(ms).slice(0, 5);
}

// 2026-11-25 12:03:04, for titles.
export function dateAndClock(ms) {
  if (!Number.isFinite(ms)) return NONE;
  const date = new Date(ms);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(ms)}`;
}

// "4 s", "41 m", "2 h 06 m", "3 d 4 h"
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} m`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

// 02:14:09 until then.
export function countdown(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
}

// RFC 3339 or ms -> ms; NaN for what is neither.
export function time(value) {
  return typeof value === 'number' ? value : Date.parse(value ?? '');
}

export function bytes(count) {
  if (!Number.isFinite(count)) return NONE;
  if (count < 1024 * 1024) return `${Math.ceil(count / 1024)} KiB`;
  return `${Math.round(count / 1024 / 1024)} MiB`;
}
