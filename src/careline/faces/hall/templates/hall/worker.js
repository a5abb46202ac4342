// The hall's page and its files, kept so that it opens without a network. The page itself is fetched anew whenever there is one.
const PAGE = "{{ page|escapejs }}";
const FILES = [{% for file in files %}"{{ file|escapejs }}", {% endfor %}];
const KEPT = "hall-1";

self.addEventListener("install", (event) => {
  event.waitUntil(keepAll().then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.method !== "GET" || (pathname !== PAGE && !FILES.includes(pathname))) return;
  event.respondWith(freshElseKept(event.request, pathname));
});

// The page too: this worker is not asked for the one that brought it, and the network may be gone before the second.
async function keepAll() {
  const kept = await caches.open(KEPT);
  await kept.addAll(FILES);
  const page = await fetch(PAGE);
  if (page.ok && !page.redirected) await kept.put(PAGE, page);
}

async function freshElseKept(request, pathname) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    if (answer.ok && !answer.redirected) await kept.put(pathname, answer.clone());
    return answer;
  } catch (failure) {
    const copy = await kept.match(pathname);
    if (copy) return copy;
    throw failure;
  }
}
