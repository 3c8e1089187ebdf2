/* Shows the API's description. The page's own script, because its policy allows none inline. */
"use strict";
const place = document.getElementById("api");
window.SwaggerUIBundle({ url: place.dataset.description, domNode: place, deepLinking: false, tryItOutEnabled: true });
