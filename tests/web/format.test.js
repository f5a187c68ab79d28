import assert from 'node:assert/strict';
import test from 'node:test';

import * as format from '../../web/format.js';

test('thousands are grouped on the text, and every digit stays', () => {
  const cases = [
    ['1234567.50', '1,234,567.50'], ['999', '999'], ['1000', '1,000'], ['-1000.1', '\u22121,000.1'], ['0.00000001', '0.00000001'],
    ['9007199254740993.000000000000000001', '9,007,199,254,740,993.000000000000000001'],
    ['-0.00', '0.00'], ['123456789012345678901234567890', '123,456,789,012,345,678,901,234,567,890'], ['1.', '1'],
  ];
  for (const [text, shown] of cases) assert.equal(format.group(text), shown);
});

test('what is no decimal is shown as it is, and nothing as a dash', () => {
  for (const text of ['1e5', 'NaN', '<b>1</b>', '1,5', ' 1']) assert.equal(format.group(text), text);
  for (const nothing of [null, undefined, '']) assert.equal(format.group(nothing), format.dash);
});

test('zeros fill up to the tick, digits are never cut by grouping', () => {
  assert.equal(format.group('89166.2', 2), '89,166.20');
  assert.equal(format.group('89166.234', 2), '89,166.234');
  assert.equal(format.group('5', 1), '5.0');
});

test('signs', () => {
  assert.equal(format.signed('57.49'), '+57.49');
  assert.equal(format.signed('-57.49'), '\u221257.49');
  assert.equal(format.signed('0.00'), '0.00');
  assert.equal(format.sign('-0.000'), 0);
  assert.equal(format.sign('-0.0001'), -1);
  assert.equal(format.sign(null), 0);
});

test('decimals compare by value, not by spelling', () => {
  assert.equal(format.compare('10.50', '10.5'), 0);
  assert.equal(format.compare('9', '10'), -1);
  assert.equal(format.compare('-9', '-10'), 1);
  assert.equal(format.compare('9007199254740993', '9007199254740992'), 1);
});

test('sums and differences are exact', () => {
  assert.equal(format.sum(['0.1', '0.2']), '0.3');
  assert.equal(format.sum(['1', '-1.50', null]), '-0.50');
  assert.equal(format.sum(['-0.01', '0.005']), '-0.005');
  assert.equal(format.sum([null, 'x']), null);
  assert.equal(format.subtract('92964.00', '92963.5'), '0.50');
  assert.equal(format.subtract('1', null), null);
});

test('ratios become percentages by moving the point', () => {
  const cases = [['-0.000223', '-0.0223'], ['0.0001', '0.01'], ['1.5', '150.00'], ['0', '0.00'], ['0.12', '12.00'], ['12', '1200.00']];
  for (const [text, shown] of cases) assert.equal(format.percent(text), shown);
  assert.equal(format.percent('0.0001', 4), '0.0100');
  assert.equal(format.percent(null), null);
});

test('short forms cut and never round', () => {
  assert.equal(format.shorten('92967.5599', 2), '92967.55');
  assert.equal(format.shorten('-1.999', 0), '-1');
  assert.equal(format.shorten('5', 2), '5');
  assert.equal(format.brief('3.91219999'), '3.91');
  assert.equal(format.brief('0.00129999'), '0.0012');
  assert.equal(format.large('2673193073.274'), '2.67 B');
  assert.equal(format.large('987654321'), '987.65 M');
  assert.equal(format.large('8410.5'), '8,410');
  assert.equal(format.large(null), format.dash);
});

test('times', () => {
  assert.match(format.clock(Date.now()), /^\d\d:\d\d:\d\d$/);
  assert.equal(format.clock(NaN), format.dash);
  assert.deepEqual([4000, 41 * 60000, 7560000, 3 * 86400000 + 4 * 3600000, -5].map(format.span), ['4 s', '41 m', '2 h 06 m', '3 d 4 h', '0 s']);
  assert.equal(format.countdown(8049000), '02:14:09');
  assert.equal(format.time('2026-11-25T03:11:07.408Z'), 1795576267408);
  assert.equal(format.time(17), 17);
  assert.ok(Number.isNaN(format.time(null)));
});
