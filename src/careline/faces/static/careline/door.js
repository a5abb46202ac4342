// Says in the page what the browser's key dialogue only says to the console.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const failed = document.getElementById("webauthn_failed");
  if (failed) failed.hidden = false;
});
