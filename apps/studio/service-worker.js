// The page's own files, kept so that it opens at once, and while the service is away. `version` and `files` are written
// before this by the build. Nothing of the API is ever kept: it is private, large or changing.
const cacheName = `studio-${version}`;

self.addEventListener('install', (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(dropOthers().then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (request.mode === 'navigate' && url.pathname === pathOf('./'))
    event.respondWith(pageFirstFromNetwork(request));
  else if (url.pathname.startsWith(pathOf('assets/'))) event.respondWith(keptFirst(request));
});

async function keep() {
  const cache = await caches.open(cacheName);
  await cache.addAll(files.map((file) => new Request(file, { cache: 'reload' })));
}

async function dropOthers() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith('studio-') && name !== cacheName);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** A new version shows at the next visit; without an answer, the page as it was kept. */
async function pageFirstFromNetwork(request) {
  try {
    const response = await fetch(request);
    if (response.ok) return response;
  } catch {
    // The kept page says that the service is away, and goes on when it is back.
  }
  return (await caches.match('./')) ?? Response.error();
}

/** Their names change with their content. */
async function keptFirst(request) {
  return (await caches.match(request)) ?? fetch(request);
}

function pathOf(relative) {
  return new URL(relative, self.registration.scope).pathname;
}
