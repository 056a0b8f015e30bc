// Starts Swagger UI on this origin's own document. A key typed into "Authorize" stays in this page's memory.
window.ui = SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
  docExpansion: "list",
  tryItOutEnabled: true,
});
