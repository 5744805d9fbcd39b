// Tables: a click anywhere in a row opens it, arrow keys walk the rows, a head box picks all.
import { on } from "./page";

on("click", ".table tbody tr", (row, event) => {
  const target = event.target as Element;
  if (target.closest("a, button, input, label, select, summary, .pick") || getSelection()?.toString()) return;
  const link = row.querySelector<HTMLAnchorElement>("a[data-row]");
  if (!link) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href);
  else link.click();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const active = document.activeElement;
  if (active && active !== document.body && !active.matches("a[data-row], main")) return;
  const links = [...document.querySelectorAll<HTMLElement>(".table a[data-row]")];
  if (!links.length || document.querySelector("dialog:modal")) return;
  event.preventDefault();
  const now = links.indexOf(active as HTMLElement);
  const next = links[Math.min(links.length - 1, Math.max(0, now + (event.key === "ArrowDown" ? 1 : -1)))];
  next?.focus();
  next?.closest("tr")?.scrollIntoView({ block: "nearest" });
});

function count(table: Element): void {
  const boxes = [...table.querySelectorAll<HTMLInputElement>("tbody .pick input")];
  const picked = boxes.filter((box) => box.checked).length;
  const all = table.querySelector<HTMLInputElement>("thead .pick input");
  if (all) {
    all.checked = picked > 0 && picked === boxes.length;
    all.indeterminate = picked > 0 && picked < boxes.length;
  }
  const bar = (table.closest("form, .main") ?? document).querySelector<HTMLElement>(".bulk");
  if (!bar) return;
  bar.hidden = picked === 0;
  bar.querySelector("[data-picked]")?.replaceChildren(String(picked));
}
on("change", ".table .pick input", (box) => {
  const table = box.closest("table");
  if (!table) return;
  if (box.closest("thead")) {
    for (const other of table.querySelectorAll<HTMLInputElement>("tbody .pick input")) other.checked = (box as HTMLInputElement).checked;
  }
  count(table);
});
on("click", "[data-unpick]", () => {
  for (const table of document.querySelectorAll(".table")) {
    for (const box of table.querySelectorAll<HTMLInputElement>(".pick input")) box.checked = false;
    count(table);
  }
});
