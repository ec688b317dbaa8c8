// Starts GraphiQL on the page that carries it. A file of its own, because the page forbids inline scripts.
'use strict';

(() => {
  const place = document.getElementById('graphiql');
  if (!window.React || !window.ReactDOM || !window.GraphiQL) {
    place.textContent = 'GraphiQL did not load: the browser console says which file is missing.';
    return;
  }

  const hint = `# Ask what this service knows: write a query here and run it with Ctrl-Enter
# (Cmd-Enter on a Mac). Ctrl-Space completes names, Shift-Ctrl-P formats.
#
# The book at the top left opens the documentation of every field. A token goes
# into "Headers" below: {"Authorization": "Bearer …"}
#
# This first query lists the root fields with their arguments.

query WhatCanIAsk {
  __schema {
    queryType {
      fields {
        name
        description
        args {
          name
        }
      }
    }
  }
}
`;

  const fetcher = window.GraphiQL.createFetcher({ url: place.dataset.graphqlPath });
  const page = window.React.createElement(window.GraphiQL, {
    fetcher,
    defaultQuery: hint,
    isHeadersEditorEnabled: true,
    // Deprecated arguments and input fields are part of the documentation too.
    inputValueDeprecation: true,
    schemaDescription: true,
  });
  window.ReactDOM.createRoot(place).render(page);
})();
