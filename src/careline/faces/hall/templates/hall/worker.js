// The hall's page and its files, kept so that it opens without a network. The page itself is fetched anew whenever there is one.
const PAGE = "{{ page|escapejs }}";
const FILES = [{% for file in files %}"{{ file|escapejs }}", {% endfor %}];
const KEPT = "hall-1";

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(FILES)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.method !== "GET" || (pathname !== PAGE && !FILES.includes(pathname))) return;
  event.respondWith(freshElseKept(event.request, pathname));
});

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
