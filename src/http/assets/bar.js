// The bar at the top of each page, which asks for the API key.
//
// The key is kept in sessionStorage alone: this tab, until it is closed. The pages of a server share it.
'use strict';

const bar = (() => {
  const STORED = 'crossdock.apiKey';
  const element = (id) => document.getElementById(id);
  const say = (text) => { element('said').textContent = text; };

  // A key that cannot be put into a header makes fetch throw; better said at the field than in every answer.
  const isSendable = (key) => /^[\x21-\x7e]+$/.test(key);

  // Calls `use` with the key, or with null where there is none: now, and whenever a person has changed it.
  const follow = (use) => {
    const show = (key) => {
      say('');
      element('welcome').hidden = Boolean(key);
      element('forget').hidden = !key;
      element('key').value = '';
      element('key').placeholder = key ? 'Paste another API key to change it' : 'API key';
      if (!key) element('key').focus();
      use(key);
    };

    element('key-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const key = element('key').value.trim();
      if (!isSendable(key)) {
        say(key ? 'This is no API key: it has characters that a header cannot carry.' : 'Paste an API key first.');
        return;
      }
      sessionStorage.setItem(STORED, key);
      show(key);
    });

    element('forget').addEventListener('click', () => {
      sessionStorage.removeItem(STORED);
      show(null);
    });

    show(sessionStorage.getItem(STORED));
  };

  return { say, follow };
})();
