// One tab owns the phone: a Web Lock says which. The others are told what it hears and may take it over.

const LOCK = "careline-phone";
const channel = new BroadcastChannel("careline-desk");

/**
 * @param onOwner called with a function to let go when this tab becomes the owner
 * @param onGuest called when another tab owns the phone, or has just taken it
 */
export function takeTurns({ onOwner, onGuest }) {
  const own = (options) =>
    navigator.locks
      .request(LOCK, options, () => new Promise((letGo) => onOwner(letGo)))
      .catch((error) => {
        if (error.name !== "AbortError") throw error;
        onGuest(); // taken by another tab: wait here for our turn
        own({ mode: "exclusive" });
      });
  navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => lock !== null).then((free) => {
    if (!free) onGuest();
    own({ mode: "exclusive" });
  });
  return { take: () => own({ mode: "exclusive", steal: true }) };
}

export const tell = (what, data) => channel.postMessage({ what, data });

export function hear(handlers) {
  channel.addEventListener("message", ({ data: { what, data } }) => handlers[what]?.(data));
}
