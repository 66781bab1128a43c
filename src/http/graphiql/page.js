// The page around GraphiQL: sends the API key along, over HTTP and over the WebSocket.
//
// GraphiQL keeps its tabs and its history in localStorage, which outlives the tab that the key is kept for, so its own editor for
// headers, which invites to paste a key, is left out.
'use strict';

(() => {
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
  const { say } = bar;
  const root = ReactDOM.createRoot(element('graphiql'));
  let socket = null;

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
    element('graphiql').hidden = !key;
    if (!key) {
      root.render(null);
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

  bar.follow(show);
})();
