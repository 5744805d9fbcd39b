// <dialog>: opened by data-open="#id", closed by data-close or a click outside. A part swapped
// into #panel-inside or #dialog-inside opens that dialog; the event "furrow:close" closes it.
// hx-confirm and data-confirm ask in our own dialog, in words that name the thing.
import { on, text } from "./page";

export function open(dialog: HTMLDialogElement): void {
  if (!dialog.open) dialog.showModal();
}

on("click", "[data-open]", (button) => {
  const dialog = document.querySelector<HTMLDialogElement>(button.dataset.open ?? "");
  if (dialog) open(dialog);
});
on("click", "dialog [data-close]", (button) => button.closest("dialog")?.close());
document.addEventListener("click", (event) => {
  const dialog = event.target;
  if (!(dialog instanceof HTMLDialogElement) || dialog.hasAttribute("data-must-choose")) return;
  const box = dialog.getBoundingClientRect();
  const isOutside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
  if (isOutside) dialog.close();
});

document.addEventListener("htmx:afterSwap", (event) => {
  const { target } = (event as CustomEvent<{ target: Element }>).detail;
  if (target.id !== "panel-inside" && target.id !== "dialog-inside") return;
  const dialog = target.closest("dialog");
  if (dialog) open(dialog);
});
document.addEventListener("furrow:close", () => {
  document.querySelectorAll<HTMLDialogElement>("dialog[open]").forEach((dialog) => dialog.close());
});

function ask(question: string, asker: HTMLElement): Promise<boolean> {
  const dialog = document.querySelector<HTMLDialogElement>("#confirm");
  if (!dialog) return Promise.resolve(false);
  const yes = dialog.querySelector<HTMLButtonElement>('button[value="yes"]');
  const title = dialog.querySelector("h2");
  const body = dialog.querySelector("p");
  if (title) title.textContent = asker.dataset.confirmTitle ?? text("sure");
  if (body) body.textContent = question;
  if (yes) {
    yes.textContent = asker.dataset.confirmLabel ?? text("yes");
    yes.className = `btn ${asker.dataset.confirmKind === "plain" ? "btn-primary" : "btn-danger"}`;
  }
  dialog.returnValue = "";
  open(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

// A part that is read anew replaces the button under the question; then its successor asks, for htmx
// forgets what an element that is gone has wanted.
const confirmed = new WeakSet<HTMLElement>();
const successor = (gone: HTMLElement): HTMLElement | undefined =>
  [...document.querySelectorAll<HTMLElement>("[hx-confirm]")].find((one) =>
    ["hx-post", "hx-vals", "data-key"].every((name) => one.getAttribute(name) === gone.getAttribute(name)),
  );

document.addEventListener("htmx:confirm", (event) => {
  const { detail } = event as CustomEvent<{ question: string | null; elt: HTMLElement; issueRequest(skip: boolean): void }>;
  if (!detail.question) return;
  event.preventDefault();
  if (confirmed.delete(detail.elt)) return detail.issueRequest(true);
  void ask(detail.question, detail.elt).then((isYes) => {
    if (!isYes) return;
    if (detail.elt.isConnected) return detail.issueRequest(true);
    const next = successor(detail.elt);
    if (!next) return;
    confirmed.add(next);
    next.click();
  });
});

const agreed = new WeakSet<HTMLFormElement>();
document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (!form.dataset.confirm || agreed.delete(form)) return;
  event.preventDefault();
  void ask(form.dataset.confirm, form).then((isYes) => {
    if (!isYes) return;
    agreed.add(form);
    form.requestSubmit((event as SubmitEvent).submitter);
  });
});
