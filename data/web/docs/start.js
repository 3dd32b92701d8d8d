// Fetches the document with the admin token and shows it. The token lives as long as the tab, where the dashboard
// keeps it, too; it is sent to this server only.
"use strict";

const TOKEN = "doorbuster.admin_token";
// This page is `docs`, beside `openapi.json`, whatever path a proxy has put in front of it.
const ROOT = new URL("./", location.href);
const door = document.getElementById("door");

async function open(token) {
  const answer = await fetch(new URL("openapi.json", ROOT), { headers: { Authorization: `Bearer ${token}` } });
  if (answer.status === 401) {
    sessionStorage.removeItem(TOKEN);
    return ask("This is not the admin token.");
  }
  if (!answer.ok) {
    return ask(`The server answered ${answer.status}.`);
  }
  sessionStorage.setItem(TOKEN, token);
  door.hidden = true;
  show(await answer.json(), token);
}

function ask(reason) {
  document.getElementById("reason").textContent = reason;
  door.hidden = false;
  document.getElementById("token").focus();
}

function show(spec, token) {
  // The other listener is another origin, which does not let this page in.
  const ours = spec.servers.concat(Object.values(spec.paths).flatMap(operations)).filter(({ url }) => url === "/");
  for (const server of ours) server.url = ROOT.href;
  const isOurs = (path, method) => spec.paths[path][method].servers[0].url === ROOT.href;
  const onlyOurs = () => ({
    statePlugins: {
      spec: { wrapSelectors: { allowTryItOutFor: () => (_state, path, method) => isOurs(path, method) } },
    },
  });
  const ui = SwaggerUIBundle({
    spec,
    domNode: document.getElementById("docs"),
    plugins: [onlyOurs],
    validatorUrl: null,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    onComplete: () => ui.preauthorizeApiKey("admin", token),
  });
}

const operations = (path) => Object.values(path).flatMap(({ servers = [] }) => servers);

function tell(error) {
  ask(`The document cannot be shown: ${error.message}`);
}

door.addEventListener("submit", (event) => {
  event.preventDefault();
  open(document.getElementById("token").value.trim()).catch(tell);
});

const kept = sessionStorage.getItem(TOKEN);
if (kept) {
  open(kept).catch(tell);
} else {
  ask("");
}
