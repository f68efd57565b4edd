// Exits 0 when the address answers with success: the images have no curl.
//   node healthcheck.js http://127.0.0.1:8000/readyz
const response = await fetch(process.argv[2], { signal: AbortSignal.timeout(4000) }).catch(() => undefined);
process.exit(response?.ok ? 0 : 1);
