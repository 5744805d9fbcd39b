// The message area: short notes go by themselves, refusals and failures stay until closed.
import { on } from "./page";

const STAYS_MS = 6000;

const area = () => document.getElementById("messages");

/** Show a message of our own; `kind` is good, warn or bad. */
export function say(words: string, kind: "good" | "warn" | "bad" = "good"): void {
  const sample = document.querySelector<HTMLTemplateElement>("#message-sample");
  const message = sample?.content.firstElementChild?.cloneNode(true) as HTMLElement | undefined;
  if (!message) return;
  // The same words twice are one message.
  if ([...(area()?.children ?? [])].some((old) => old.textContent?.includes(words))) return;
  message.classList.add(`is-${kind}`);
  message.querySelector(".words")?.replaceChildren(words);
  area()?.append(message);
}

function settle(): void {
  const messages = area();
  if (!messages) return;
  for (const message of messages.querySelectorAll<HTMLElement>(".message:not([data-settled])")) {
    message.dataset.settled = "";
    if (!message.matches(".is-bad, .is-warn, [data-stay]")) setTimeout(() => message.remove(), STAYS_MS);
  }
  // A popover shown last stands above every open dialog.
  if (messages.matches(":popover-open")) messages.hidePopover();
  if (messages.childElementCount) messages.showPopover();
}

const found = area();
if (found) {
  new MutationObserver(settle).observe(found, { childList: true });
  settle();
}
on("click", ".message .close", (button) => button.closest(".message")?.remove());
document.addEventListener("furrow:say", (event) => {
  const { words, kind } = (event as CustomEvent<{ words: string; kind?: "good" | "warn" | "bad" }>).detail;
  say(words, kind);
});
