// Django's token: from its cookie, which is renewed at sign-in, else from the page.

export function csrfToken() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie ? cookie.slice("csrftoken=".length) : (document.querySelector("meta[name=csrf-token]")?.content ?? "");
}
