// The tab in which one signs in again: it tells the desk, which goes on by itself.
new BroadcastChannel("careline-desk").postMessage({ what: "signed-in" });
