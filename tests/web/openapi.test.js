import assert from 'node:assert/strict';
import test from 'node:test';

import { curlLine, groups, resolve, schemaNames, searchText, typeText } from '../../web/openapi.js';

const document = {
  tags: [{ name: 'Orders', description: 'Writes.' }],
  paths: {
    '/ticker/{symbol}': { get: { summary: 'One ticker', parameters: [{ name: 'symbol', in: 'path', required: true, schema: { type: 'string', example: 'BTCUSDT' } }, { $ref: '#/components/parameters/age' }] } },
    '/orders': {
      post: { tags: ['Orders'], requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/New' } }, 'application/x-www-form-urlencoded': {} } } },
      delete: { tags: ['Orders'], parameters: [{ name: 'all', in: 'query', required: true, example: true }] },
    },
    '/stream': { get: { parameters: [{ name: 'topics', in: 'query', required: true, example: 'orders,fills' }] } },
  },
  components: {
    parameters: { age: { name: 'max_age', in: 'query', description: 'Refuses older data' } },
    schemas: { New: { type: 'object', example: { symbol: 'BTCUSDT', side: 'buy', qty: '0.01' } }, Loop: { $ref: '#/components/schemas/Loop' } },
  },
};

test('operations are grouped by tag, the rest is together', () => {
  assert.deepEqual(groups(document).map((group) => [group.name, group.operations.map((one) => `${one.method} ${one.path}`)]), [
    ['Orders', ['POST /orders', 'DELETE /orders']],
    ['Endpoints', ['GET /ticker/{symbol}', 'GET /stream']],
  ]);
});

test('a line for the shell can be copied', () => {
  const lines = groups(document).flatMap((group) => group.operations.map((one) => curlLine(document, one, 'http://localhost:8787')));
  assert.deepEqual(lines, [
    'curl http://localhost:8787/orders -d symbol=BTCUSDT -d side=buy -d qty=0.01',
    "curl -X DELETE 'http://localhost:8787/orders?all=true'",
    'curl http://localhost:8787/ticker/BTCUSDT',
    "curl -N 'http://localhost:8787/stream?topics=orders,fills'",
  ]);
});

test('references are followed, loops end, outside ones are nothing', () => {
  assert.equal(resolve(document, { $ref: '#/components/parameters/age' }).name, 'max_age');
  assert.ok(resolve(document, { $ref: '#/components/schemas/Loop' }));
  assert.deepEqual(resolve(document, { $ref: 'http://evil.example/x' }), {});
  assert.deepEqual(resolve(document, { $ref: '#/nowhere/x' }), {});
});

test('types read as words', () => {
  assert.equal(typeText(document, { type: ['string', 'null'] }), 'string or null');
  assert.equal(typeText(document, { type: 'array', items: { $ref: '#/components/schemas/New' } }), 'array of New');
  assert.equal(typeText(document, { enum: ['buy', 'sell'] }), 'buy | sell');
  assert.deepEqual(schemaNames({ oneOf: [{ $ref: '#/components/schemas/New' }, { type: 'null' }] }), ['New']);
});

test('search looks at names and words', () => {
  const [found] = groups(document)[1].operations;
  assert.ok(searchText(found).includes('max_age') && searchText(found).includes('one ticker'));
});
