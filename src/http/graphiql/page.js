// The page around GraphiQL: asks for the API key and sends it along, over HTTP and over the WebSocket.
//
// The key is kept in sessionStorage alone: this tab, until it is closed. GraphiQL keeps its tabs and its history in
// localStorage, which outlives the tab, so its own editor for headers, which invites to paste a key, is left out.
'use strict';

(() => {
  const STORED = 'crossdock.apiKey';
  const ENDPOINT = '/graphql';
  const QUERY = `# Crossdock: every WMS behind one API.
#
#   Ctrl-Enter   runs the query
#   Ctrl-Space   completes what you type
#   The book at the left opens the docs.

{
  # What is connected, and how it is.
  connections {
    nodes {
      name
      status
    }
  }

  # Five orders, from whichever WMS.
  orders(first: 5) {
    nodes {
      orderNumber
      status
      lineItems {
        sku
        quantity
      }
    }
  }
}

# Subscriptions run here too, such as:
#
#   subscription {
#     syncCompleted {
#       dataType
#       completedAt
#     }
#   }
`;

  const element = (id) => document.getElementById(id);
  const say = (text) => { element('said').textContent = text; };
  const root = ReactDOM.createRoot(element('graphiql'));
  let socket = null;

  // A key that cannot be put into a header makes fetch throw; better said at the field than in every answer.
  const isSendable = (key) => /^[\x21-\x7e]+$/.test(key);

  const fetcherFor = (key) => {
    const authorization = `Bearer ${key}`;
    socket = graphqlWs.createClient({
      url: new URL(ENDPOINT, location.href).href.replace(/^http/, 'ws'),
      connectionParams: { authorization },
      // Only what runs needs a connection. A server that restarts is back within these attempts.
      lazy: true,
      retryAttempts: 8,
    });
    return GraphiQL.createFetcher({
      url: ENDPOINT,
      headers: { authorization },
      wsClient: socket,
      fetch: async (url, init) => {
        const answer = await fetch(url, init);
        say(answer.status === 401 || answer.status === 403 ? 'The server refused this key.' : '');
        return answer;
      },
    });
  };

  // Shows GraphiQL with this key, or the welcome without one. A new fetcher makes GraphiQL read the schema again.
  const show = (key) => {
    if (socket) socket.dispose();
    socket = null;
    say('');
    element('welcome').hidden = Boolean(key);
    element('graphiql').hidden = !key;
    element('forget').hidden = !key;
    element('key').value = '';
    element('key').placeholder = key ? 'Paste another API key to change it' : 'API key';
    if (!key) {
      root.render(null);
      element('key').focus();
      return;
    }
    root.render(React.createElement(GraphiQL, {
      fetcher: fetcherFor(key),
      defaultQuery: QUERY,
      isHeadersEditorEnabled: false,
      shouldPersistHeaders: false,
      showPersistHeadersSettings: false,
    }));
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
})();
