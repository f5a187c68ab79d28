// Shown while the bridge asks for a token: it is exchanged for a cookie that scripts cannot read.

import { login } from './api.js';
import { byId, setText } from './dom.js';

let waiting = null;

// Resolves once a token was taken.
export function askForToken() {
  waiting ??= new Promise((resolve) => {
    const dialog = byId('login');
    const form = byId('login-form');
    const input = byId('login-token');
    const error = byId('login-error');
    form.onsubmit = async (event) => {
      event.preventDefault();
      try {
        await login(input.value.trim());
        input.value = '';
        setText(error, '');
        dialog.close();
        waiting = null;
        resolve();
      } catch (problem) {
        setText(error, problem.message);
        input.select();
      }
    };
    dialog.oncancel = (event) => event.preventDefault();
    dialog.showModal();
  });
  return waiting;
}
