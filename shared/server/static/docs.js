// Starts Swagger UI on this origin's own document. A key typed into "Authorize" stays in this page's memory.

// Dark where the reader's system is.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// The filter looks at paths, summaries and ids of operations, not at the names of groups alone.
function filterOperations(groups, phrase) {
  const wanted = phrase.trim().toLowerCase();
  if (!wanted || wanted === "true") return groups;
  const matches = (text) => String(text ?? "").toLowerCase().includes(wanted);
  const isWanted = (name) => (entry) =>
    matches(name) || [entry.get("path"), entry.get("method"), entry.getIn(["operation", "summary"]),
      entry.getIn(["operation", "operationId"])].some(matches);
  return groups
    .map((group, name) => group.set("operations", group.get("operations").filter(isWanted(name))))
    .filter((group) => group.get("operations").size > 0);
}

// The request of an operation as one sends it: with the document's own example, and names in the place of what varies.
function requestOf(spec, path, method) {
  const operation = spec.paths[path][method];
  const parameters = operation.parameters ?? [];
  const query = parameters.filter((one) => one.in === "query" && one.required).map((one) => `${one.name}=…`);
  const headers = parameters.filter((one) => one.in === "header" && one.required)
    .map((one) => [one.name, one.name === "If-Match" ? "*" : "…"]);
  const body = operation.requestBody?.content?.["application/json"]?.example;
  const url = window.location.origin + path.replaceAll(/\{(\w+)\}/g, (_, name) => name.toUpperCase());
  return { url: query.length ? `${url}?${query.join("&")}` : url, method: method.toUpperCase(), headers, body };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

const languages = {
  curl({ url, method, headers, body }) {
    const lines = [`curl -X ${method} ${quoted(url)}`, `  -H "Authorization: Bearer $KEY"`];
    headers.forEach(([name, value]) => lines.push(`  -H ${quoted(`${name}: ${value}`)}`));
    if (body !== undefined) {
      lines.push(`  -H 'Content-Type: application/json'`, `  -d ${quoted(JSON.stringify(body, null, 2))}`);
    }
    return lines.join(" \\\n");
  },
  Python({ url, method, headers, body }) {
    const own = [`"Authorization": f"Bearer {os.environ['KEY']}"`, ...headers.map((one) => one.map((it) => JSON.stringify(it)).join(": "))];
    const json = body === undefined ? [] : [`    json=json.loads(r'''${JSON.stringify(body, null, 2).replaceAll("\n", "\n    ")}'''),`];
    return ["import json, os, requests", "", "answer = requests.request(", `    "${method}", "${url}",`,
      `    headers={${own.join(", ")}},`, ...json, ")", "print(answer.status_code, answer.json())"].join("\n");
  },
  JavaScript({ url, method, headers, body }) {
    const own = ["Authorization: `Bearer ${process.env.KEY}`", ...headers.map((one) => one.map((it) => JSON.stringify(it)).join(": "))];
    if (body !== undefined) own.push(`"Content-Type": "application/json"`);
    const json = body === undefined ? [] : [`  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),`];
    return [`const answer = await fetch("${url}", {`, `  method: "${method}",`, `  headers: { ${own.join(", ")} },`, ...json,
      "});", "console.log(answer.status, await answer.json());"].join("\n");
  },
};

// Samples of the request stand before the answers of each operation.
function samples(system) {
  const { React } = system;
  function Samples({ path, method }) {
    const [language, choose] = React.useState("curl");
    const spec = system.specSelectors.specJson().toJS();
    const text = languages[language](requestOf(spec, path, method));
    const choice = Object.keys(languages).map((name) =>
      React.createElement("button", { key: name, type: "button", "aria-pressed": name === language, onClick: () => choose(name) }, name));
    return React.createElement("section", { className: "samples" },
      React.createElement("h4", null, "Request sample"),
      React.createElement("div", { className: "choice" }, choice),
      React.createElement("pre", { tabIndex: 0 }, text));
  }
  return (Original) => (props) =>
    React.createElement(React.Fragment, null,
      React.createElement(Samples, { path: props.path, method: props.method }), React.createElement(Original, props));
}

const ours = (system) => ({
  fn: { opsFilter: filterOperations },
  wrapComponents: { responses: (Original) => samples(system)(Original) },
});

window.ui = SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  filter: true,
  requestSnippetsEnabled: true,
  plugins: [ours],
});
