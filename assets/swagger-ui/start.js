// Starts Swagger UI on the page that carries it. A file of its own, because the page forbids inline scripts.
'use strict';

(() => {
  const place = document.getElementById('swagger-ui');
  if (!window.SwaggerUIBundle) {
    place.textContent = 'Swagger UI did not load: the browser console says which file is missing.';
    return;
  }
  window.SwaggerUIBundle({
    url: place.dataset.openapi,
    domNode: place,
    // No outside host learns which API somebody looks at.
    validatorUrl: null,
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: 'list',
    tryItOutEnabled: true,
    persistAuthorization: true,
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: 'BaseLayout',
  });
})();
