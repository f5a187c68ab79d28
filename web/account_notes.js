// What a panel of the account says while it has nothing to show. Pure.

export const KEYS_MISSING = 'No API key: set BYBIT_API_KEY and BYBIT_API_SECRET (or ..._FILE) and start the bridge again.';

export function emptyText(store, panel, loaded, nothing) {
  if (store.keys === false) return KEYS_MISSING;
  if (store.notes.has(panel)) return store.notes.get(panel);
  return loaded ? nothing : 'Loading\u2026';
}
