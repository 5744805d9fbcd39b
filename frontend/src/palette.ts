// Ctrl+K: htmx brings the hits, arrow keys walk through them, Enter goes there.
import { on } from "./page";

const palette = document.querySelector<HTMLDialogElement>("#palette");
const input = palette?.querySelector<HTMLInputElement>("input[name=q]");
const hits = () => [...(palette?.querySelectorAll<HTMLElement>(".hit") ?? [])];

function mark(hit: HTMLElement | undefined): void {
  for (const other of hits()) other.setAttribute("aria-selected", String(other === hit));
  hit?.scrollIntoView({ block: "nearest" });
  if (hit && !hit.id) hit.id = `hit-${hits().indexOf(hit)}`;
  input?.setAttribute("aria-activedescendant", hit?.id ?? "");
}

on("click", "[data-palette]", () => {
  palette?.showModal();
  input?.select();
});
palette?.addEventListener("htmx:afterSwap", () => mark(hits()[0]));
palette?.addEventListener("keydown", (event) => {
  const all = hits();
  const now = all.findIndex((hit) => hit.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    mark(all.at((now + (event.key === "ArrowDown" ? 1 : -1) + all.length) % Math.max(1, all.length)));
  } else if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    all[Math.max(0, now)]?.click();
  }
});
palette?.addEventListener("mousemove", (event) => {
  const hit = (event.target as Element).closest<HTMLElement>(".hit");
  if (hit) mark(hit);
});
palette?.addEventListener("click", (event) => {
  if ((event.target as Element).closest(".hit")) palette.close();
});
