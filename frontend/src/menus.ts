// Menus are native popovers; this puts one beside its button and moves through it by arrow keys.
const GAP = 4;

document.addEventListener(
  "beforetoggle",
  (event) => {
    const menu = event.target as HTMLElement;
    if (!menu.matches?.(".menu[popover]:not(.sheet)") || (event as ToggleEvent).newState !== "open") return;
    const button = document.querySelector(`[popovertarget="${menu.id}"]`);
    if (!button) return;
    const at = button.getBoundingClientRect();
    const isRight = at.left + at.width / 2 > innerWidth * 0.6;
    const isLow = at.bottom > innerHeight * 0.65;
    Object.assign(menu.style, {
      left: isRight ? "auto" : `${Math.max(8, at.left)}px`,
      right: isRight ? `${Math.max(8, innerWidth - at.right)}px` : "auto",
      top: isLow ? "auto" : `${at.bottom + GAP}px`,
      bottom: isLow ? `${innerHeight - at.top + GAP}px` : "auto",
    });
  },
  true,
);

const items = (menu: Element) => [...menu.querySelectorAll<HTMLElement>(".menu-item:not(:disabled)")];

document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target as HTMLElement;
    if (menu.matches?.(".menu[popover]") && (event as ToggleEvent).newState === "open" && !menu.contains(document.activeElement)) {
      items(menu)[0]?.focus({ preventScroll: true });
    }
  },
  true,
);

document.addEventListener("keydown", (event) => {
  const menu = (event.target as Element).closest?.<HTMLElement>(".menu[popover]");
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  const all = items(menu);
  const now = all.indexOf(document.activeElement as HTMLElement);
  all.at((now + (event.key === "ArrowDown" ? 1 : -1) + all.length) % all.length)?.focus();
});

document.addEventListener("click", (event) => {
  const item = (event.target as Element).closest?.(".menu-item:not([data-keep-open])");
  item?.closest<HTMLElement>(".menu[popover]")?.hidePopover();
});
