import type { ProblemEntry } from './docs.ts';

/** Swagger UI on our own document; every URL is relative, so that a path prefix in front of the service does no harm. */
export const docsPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>musicgen-service API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
`;

export const docsScript = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
`;

/** Every problem, each with a link to its page. */
export function problemsPage(entries: readonly ProblemEntry[]): string {
  const rows = entries.map(
    ({ code, status, title }) =>
      `<tr><td>${status}</td><td><a href="problems/${code}"><code>${code}</code></a></td><td>${html(title)}</td></tr>`,
  );
  return htmlPage('Problems', `<table>${rows.join('\n')}</table>`);
}

/** One problem: its cause and what to do. */
export function problemPage({ code, status, title, cause, remedy }: ProblemEntry): string {
  return htmlPage(
    title,
    `<p><code>${code}</code>, HTTP status ${status}</p>
<h2>Why</h2><p>${html(cause)}</p>
<h2>What to do</h2><p>${html(remedy)}</p>
<p><a href="../problems">All problems</a></p>`,
  );
}

function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${html(title)}</title>
<link rel="icon" href="data:,">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
td { padding: 0.2rem 1rem 0.2rem 0; }
</style>
<h1>${html(title)}</h1>
${body}
</html>
`;
}

/** Text as HTML; words between backticks as code. */
function html(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return escaped.replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}
