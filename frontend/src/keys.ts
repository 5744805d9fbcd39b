// Keys: an element with data-key="F2" (or "1", "n", "Ctrl+k", "/") is clicked, or focused if one
// types into it, when that key is pressed. "?" lists all keys of the page. While somebody types,
// only F-keys and Ctrl combinations count; Escape leaves a field that a key led to. With a dialog
// open only its own keys count.
import { open } from "./dialogs";
import { text } from "./page";

const typesInto = (element: Element | null): boolean =>
  element instanceof HTMLTextAreaElement ||
  element instanceof HTMLSelectElement ||
  (element instanceof HTMLInputElement && !["radio", "checkbox", "button", "submit", "range"].includes(element.type)) ||
  (element instanceof HTMLElement && element.isContentEditable);

const isUsable = (element: HTMLElement): boolean =>
  !(element as HTMLButtonElement).disabled && (element.closest("label") ?? element).checkVisibility();

/** The open dialog, or the whole page. */
const scope = (): ParentNode => [...document.querySelectorAll("dialog:modal")].at(-1) ?? document;

function find(key: string): HTMLElement | undefined {
  const wanted = [...scope().querySelectorAll<HTMLElement>("[data-key]")];
  return wanted.find((e) => e.dataset.key?.toLowerCase() === key.toLowerCase() && isUsable(e));
}

const labelOf = (element: HTMLElement): string => {
  const named = element.dataset.keyTitle || element.title || element.getAttribute("aria-label");
  if (named) return named;
  const copy = (element.closest("label") ?? element).cloneNode(true) as HTMLElement;
  copy.querySelectorAll("kbd, svg").forEach((part) => part.remove());
  return copy.textContent?.trim() ?? "";
};

function showAll(): void {
  const dialog = document.querySelector<HTMLDialogElement>("#keys");
  const list = dialog?.querySelector(".keys-list");
  if (!dialog || !list) return;
  const seen = new Set<string>();
  const rows = [...document.querySelectorAll<HTMLElement>("[data-key]")].filter(isUsable).flatMap((element) => {
    const key = element.dataset.key ?? "";
    if (seen.has(key)) return [];
    seen.add(key);
    return [[key, labelOf(element)] as const];
  });
  if (document.querySelector("a[data-row]")) rows.push(["↑ ↓", text("keyRows")]);
  if ([...document.querySelectorAll("[data-key]")].some(typesInto)) rows.push(["Esc", text("keyLeave")]);
  rows.push(["?", text("keyHelp")]);
  list.replaceChildren(
    ...rows.map(([key, label]) => {
      const row = document.createElement("div");
      const cap = document.createElement("kbd");
      cap.textContent = key.length === 1 ? key.toUpperCase() : key.replace(/\+(.)$/, (_, c: string) => `+${c.toUpperCase()}`);
      row.append(cap, label);
      return row;
    }),
  );
  open(dialog);
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.altKey || event.repeat) return;
  const isCtrl = event.ctrlKey || event.metaKey;
  if (event.key === "Escape" && (event.target as HTMLElement).matches("[data-key]")) return (event.target as HTMLElement).blur();
  const isFKey = /^F\d+$/.test(event.key);
  if (typesInto(event.target as Element) && !isCtrl && !isFKey) return;
  if ("?？".includes(event.key) && scope() === document) return showAll();
  const element = find(isCtrl ? `Ctrl+${event.key}` : event.key) ?? (event.key === "/" ? find("Ctrl+k") : undefined);
  if (!element) return;
  event.preventDefault();
  if (typesInto(element)) {
    element.focus();
    (element as HTMLInputElement).select?.();
  } else {
    element.click();
  }
});
document.addEventListener("click", (event) => {
  if ((event.target as Element).closest?.("[data-show-keys]")) showAll();
});
