/** What the pages behind links do in the browser: take the token out of the address, and post it when the button is pressed. */

/** What a page hands to the script, in attributes. */
export interface PageScript {
  /** Said when it is done, before the server's own words. */
  readonly done: string;
}

/** The token leaves the address bar and the history at once. Everything is put in as text. */
export const script: string = `
const token = new URLSearchParams(location.hash.slice(1)).get('token');
history.replaceState(null, '', location.pathname + location.search);
const form = document.getElementById('form');
const status = document.getElementById('status');
const button = form.querySelector('button');
const password = document.getElementById('password');
const say = (text, kind) => { status.textContent = text; status.className = kind; };
const end = () => { form.hidden = true; document.getElementById('lead').hidden = true; };
if (!token) {
  end();
  say('This link is not complete. Open it again from the mail, or copy all of it.', 'error');
}
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  button.disabled = true;
  say('One moment…', '');
  try {
    const body = JSON.stringify(password ? { token, newPassword: password.value } : { token });
    const answer = await fetch(location.pathname, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) {
      end();
      say(status.dataset.done + ' ' + (said.message || ''), 'done');
      return;
    }
    const field = said.errors && said.errors[0];
    if (answer.status === 410 || said.code === 'one_time_token_invalid') end();
    say((field && field.message) || said.detail || said.title || 'That did not work. Please try again in a moment.', 'error');
  } catch {
    say('The server cannot be reached. Please try again in a moment.', 'error');
  }
  button.disabled = false;
});
`;
