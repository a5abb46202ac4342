// Menus and dialogs of the state bar: native popovers and dialogs, with the arrow keys of the menu pattern.

export function menus(root = document) {
  for (const button of root.querySelectorAll("[data-menu]")) {
    const menu = document.getElementById(button.dataset.menu);
    menu.addEventListener("toggle", (event) => {
      button.setAttribute("aria-expanded", String(event.newState === "open"));
      if (event.newState === "open") place(button, menu);
    });
    button.addEventListener("click", () => menu.togglePopover());
    button.addEventListener("keydown", (event) => {
      if (event.code !== "ArrowDown") return;
      event.preventDefault();
      menu.showPopover();
    });
    if (menu.getAttribute("role") === "menu") arrows(menu, button);
  }
}

function place(button, menu) {
  const at = button.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left, window.innerWidth - menu.offsetWidth - 8));
  menu.style.left = `${left}px`;
  menu.style.top = `${at.bottom + 6}px`;
  items(menu)[0]?.focus();
}

const items = (menu) => [...menu.querySelectorAll("[role^=menuitem]")].filter((item) => !item.hidden && !item.disabled);

function arrows(menu, button) {
  menu.addEventListener("keydown", (event) => {
    const all = items(menu);
    const here = all.indexOf(document.activeElement);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }[event.code];
    if (to !== undefined) {
      event.preventDefault();
      all.at(to % all.length)?.focus();
    }
    if (event.code === "Escape") {
      event.preventDefault();
      event.stopPropagation(); // the desk's own Escape would take the focus to the stage
      menu.hidePopover();
      button.focus();
    }
    if (event.code === "Tab") menu.hidePopover();
  });
  menu.addEventListener("click", (event) => {
    if (event.target.closest("[role^=menuitem]")) {
      menu.hidePopover();
      button.focus();
    }
  });
}
