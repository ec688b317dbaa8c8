// Starts GraphiQL on the page that carries it. A file of its own, because the page forbids inline scripts.
'use strict';

(() => {
  const place = document.getElementById('graphiql');
  if (!window.React || !window.ReactDOM || !window.GraphiQL) {
    place.textContent = 'GraphiQL did not load: the browser console says which file is missing.';
    return;
  }

  // Lines that fit beside the run button of a laptop's window.
  const hint = `# Write a query and run it:
#   Ctrl-Enter    run (Mac: Cmd-Enter)
#   Ctrl-Space    complete a name
#   Shift-Ctrl-P  tidy up
# The book, top left, documents every field.
# A token goes into "Headers" below:
#   {"Authorization": "Bearer ..."}

# What can be asked here:
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
