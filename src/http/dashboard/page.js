// The dashboard: lists the connected WMSs with their schedules, and starts syncs.
//
// All that comes from the server is put into the page as text, never as markup.
'use strict';

(() => {
  // How soon it is looked again, in milliseconds: while a sync is under way, and otherwise.
  const SOON = 1000;
  const LATER = 15000;

  const CONNECTIONS = `query Connections($first: Int!) {
    connections(first: $first) {
      totalCount
      nodes {
        id
        name
        status
        customerReference
        integration { name }
        issues { message dataType blocking }
        schedules {
          dataType
          enabled
          intervalSeconds
          nextRunAt
          freshAsOf
          lastRun {
            status
            waitingReason
            finishedAt
            progress { read created updated deleted rejected total }
            error { message }
          }
        }
      }
    }
  }`;
  const VIEWER = `query Viewer { viewer { access } }`;
  const TRIGGER = `mutation Sync($input: TriggerSyncInput!) {
    triggerSync(input: $input) { runs { dataType status } errors { message } }
  }`;

  const element = (id) => document.getElementById(id);
  const { say } = bar;
  const isUnderWay = (run) => Boolean(run) && ['QUEUED', 'RUNNING', 'WAITING'].includes(run.status);

  let key = null;
  let mayWrite = false;
  let size = 50;
  let timer = null;
  // What answers to an earlier key, or overtaken by a later look, is not shown.
  let round = 0;

  const ask = async (query, variables) => {
    const answer = await fetch('/graphql', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await answer.json();
    if (errors && errors.length) throw new Error(errors[0].message);
    return data;
  };

  // An element with its text or its children.
  const make = (tag, { text, className, title, onclick, disabled } = {}, ...children) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    if (title) made.title = title;
    if (onclick) made.addEventListener('click', onclick);
    if (disabled) made.disabled = true;
    made.append(...children);
    return made;
  };

  const words = (code) => code.toLowerCase().replaceAll('_', ' ');

  const UNITS = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const span = (seconds) => {
    const [unit, size] = UNITS.find(([, size]) => seconds >= size) || UNITS[UNITS.length - 1];
    return `${Math.round(seconds / size)} ${unit}`;
  };
  const moment = (text) => {
    if (!text) return make('span', { text: '–', className: 'dim' });
    const seconds = (Date.now() - new Date(text)) / 1000;
    return make('span', { text: seconds >= 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`, title: new Date(text).toLocaleString() });
  };

  const HOW = { SUCCEEDED: 'good', ACTIVE: 'good', QUEUED: 'busy', RUNNING: 'busy', WAITING: 'busy', DEGRADED: 'busy', PARTIAL: 'busy', FAILED: 'bad', CREDENTIALS_REJECTED: 'bad' };
  const status = (code) => make('span', { text: words(code), className: HOW[code] || 'dim' });

  const lastRun = (run) => {
    if (!run) return make('span', { text: 'never', className: 'dim' });
    const { read, total, created, updated, deleted, rejected } = run.progress;
    const counts = isUnderWay(run)
      ? [`${read}${total === null ? '' : ` of ${total}`} read`]
      : [[created, 'new'], [updated, 'changed'], [deleted, 'deleted'], [rejected, 'rejected']].filter(([count]) => count).map(([count, what]) => `${count} ${what}`);
    const told = make('span', {}, status(run.status));
    if (run.finishedAt) told.append(' ', moment(run.finishedAt));
    if (counts.length) told.append(make('span', { text: ` · ${counts.join(', ')}`, className: 'dim' }));
    const why = (run.error && run.error.message) || run.waitingReason;
    if (why) told.append(make('div', { text: why, className: run.error ? 'bad' : 'dim' }));
    return told;
  };

  const sync = (connection, dataTypes) => async (event) => {
    event.target.disabled = true;
    say('');
    try {
      const { triggerSync } = await ask(TRIGGER, { input: { connectionId: connection.id, dataTypes } });
      const [error] = triggerSync.errors;
      say(error ? error.message : `${triggerSync.runs.length === 1 ? 'A sync is' : `${triggerSync.runs.length} syncs are`} under way.`);
    } catch (error) {
      say(error.message);
    }
    await look();
  };

  const button = (text, connection, dataTypes, isBusy) => make('button', {
    text: isBusy ? 'Syncing…' : text,
    title: mayWrite ? '' : 'Needs a key with WRITE access',
    disabled: isBusy || !mayWrite,
    onclick: sync(connection, dataTypes),
  });

  const rowOf = (connection, schedule) => make(
    'tr', {},
    make('td', { text: words(schedule.dataType) }),
    make('td', {}, lastRun(schedule.lastRun)),
    make('td', {}, moment(schedule.freshAsOf)),
    make('td', { text: schedule.enabled ? `every ${span(schedule.intervalSeconds)}` : 'off' }),
    make('td', {}, new Date(schedule.nextRunAt) <= Date.now() && isUnderWay(schedule.lastRun) ? 'now' : moment(schedule.nextRunAt)),
    make('td', {}, button('Sync now', connection, [schedule.dataType], isUnderWay(schedule.lastRun))),
  );

  const sectionOf = (connection) => {
    const about = [connection.integration.name, connection.customerReference].filter(Boolean).join(' · ');
    const busy = connection.schedules.length > 0 && connection.schedules.every(({ lastRun }) => isUnderWay(lastRun));
    const head = make('header', {}, make('h2', { text: connection.name }), status(connection.status), make('span', { text: about, className: 'dim' }),
      button('Sync all', connection, null, busy));
    const issues = connection.issues.map(({ message, dataType, blocking }) =>
      make('li', { text: `${dataType ? `${words(dataType)}: ` : ''}${message}`, className: blocking ? 'bad' : '' }));
    const titles = ['Data', 'Last sync', 'Fresh as of', 'Interval', 'Next sync', ''].map((text) => make('th', { text }));
    const table = make('table', {}, make('thead', {}, make('tr', {}, ...titles)), make('tbody', {}, ...connection.schedules.map((schedule) => rowOf(connection, schedule))));
    const section = make('section', {}, head);
    if (issues.length) section.append(make('ul', { className: 'issues' }, ...issues));
    section.append(make('div', { className: 'scroll' }, table));
    return section;
  };

  const show = ({ nodes, totalCount }) => {
    // The button that has the focus gets it again in the new page.
    const buttons = () => [...element('connections').querySelectorAll('button')];
    const focused = buttons().indexOf(document.activeElement);
    const none = make('p', { text: 'Nothing is connected yet: see createConnection in the API.', className: 'dim' });
    element('connections').replaceChildren(...(nodes.length ? nodes.map(sectionOf) : [none]));
    if (focused >= 0 && buttons()[focused]) buttons()[focused].focus();
    element('more').hidden = nodes.length >= Math.min(totalCount, 250);
  };

  // Shows how everything is, and looks again later; sooner while something is under way.
  const look = async () => {
    clearTimeout(timer);
    const own = ++round;
    let next = LATER;
    try {
      const { connections } = await ask(CONNECTIONS, { first: size });
      if (own !== round) return;
      show(connections);
      if (connections.nodes.some(({ schedules }) => schedules.some(({ lastRun }) => isUnderWay(lastRun)))) next = SOON;
    } catch (error) {
      if (own !== round) return;
      say(error.message);
    }
    timer = setTimeout(look, next);
  };

  const use = async (given) => {
    clearTimeout(timer);
    const own = ++round;
    key = given;
    element('connections').replaceChildren();
    element('more').hidden = true;
    if (!key) return;
    try {
      const { viewer } = await ask(VIEWER, {});
      if (own !== round) return;
      mayWrite = viewer.access !== 'READ';
      await look();
    } catch (error) {
      if (own === round) say(error.message);
    }
  };

  element('more').addEventListener('click', () => {
    size = Math.min(size + 50, 250);
    look();
  });

  bar.follow(use);
})();
