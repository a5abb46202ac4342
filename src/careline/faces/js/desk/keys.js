// The keyboard drives the whole call. Keys go by their place on the keyboard (event.code), whatever its language.
// Function keys work inside text fields; single-character keys do not, and can be switched off (WCAG 2.1.4).

const SINGLE = "careline.keys.single";

export const singleKeys = () => localStorage.getItem(SINGLE) !== "off";
export const chooseSingleKeys = (on) => localStorage.setItem(SINGLE, on ? "on" : "off");

const FUNCTION = {
  F2: "answer",
  "Shift+F2": "end",
  F4: "hold",
  F8: "mute",
  "Shift+F8": "transfer",
  F9: "emergency",
  Escape: "leave",
};

const CHARACTER = {
  Slash: "search",
  NumpadDivide: "search",
  "Shift+Slash": "keys",
  NumpadMultiply: "zone",
  "Shift+Digit8": "zone",
  NumpadAdd: "dock",
  "Shift+Equal": "dock",
};

const typing = (el) => el.closest?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");

export function listen(commands) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const name = `${event.shiftKey ? "Shift+" : ""}${event.code}`;
    const single = CHARACTER[name];
    const command = FUNCTION[name] ?? (single && singleKeys() && !typing(event.target) ? single : undefined);
    if (!command || (event.repeat && command !== "leave")) {
      if (FUNCTION[name] && event.repeat && name !== "Escape") event.preventDefault();
      return;
    }
    if (commands[command]?.(event) !== false) event.preventDefault();
  });
}
