// Requests to the bridge that this page came from.

const TIMEOUT_MS = 10000;

export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || body?.title || (status ? `HTTP ${status}` : 'the bridge does not answer'));
    this.status = status; // 0: no answer
    this.code = body?.code ?? '';
    this.hint = body?.hint ?? '';
  }

  // Nothing is wrong with the request: the same one may succeed later.
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

async function bodyOf(response) {
  try {
    return await response.json();
  } catch {
    return null;
  }
}

// The JSON of a success; throws a Problem otherwise.
export async function get(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
  } catch {
    throw new Problem(0, null);
  }
  const body = await bodyOf(response);
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}

export function login(token) {
  return get('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token }),
  });
}
