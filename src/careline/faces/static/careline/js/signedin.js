(()=>{new BroadcastChannel("careline-desk").postMessage({what:"signed-in"});})();
