// htmx: the CSRF token on every request, the busy bar, and where refusals and failures go.
// The rest of htmx's settings stand in <meta name="htmx-config"> in document.html. One of them is for
// fast hands: without a settle delay new forms are htmx's own at once, so that a key pressed in the
// next millisecond cannot send one as a plain form and reload the page.
import htmx from "htmx.org";
import { cookie, meta, text } from "./page";
import { say } from "./messages";

declare global {
  interface Window { htmx: typeof htmx }
}
window.htmx = htmx;

const csrf = () => meta("csrf") || cookie("csrftoken");

document.addEventListener("htmx:configRequest", (event) => {
  const { detail } = event as CustomEvent<{ headers: Record<string, string>; verb: string }>;
  if (detail.verb !== "get") detail.headers["X-CSRFToken"] = csrf();
});

interface Swap {
  xhr: XMLHttpRequest;
  target: Element;
  shouldSwap: boolean;
  isError: boolean;
  swapOverride?: string;
  selectOverride?: string;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const detail = (event as CustomEvent<Swap>).detail;
  const landed = detail.xhr.responseURL ? new URL(detail.xhr.responseURL).pathname : "";
  if (/\/login\/?$/.test(landed) && landed !== location.pathname) {
    // The session ended: a sign-in form has no place inside a part of this page.
    detail.shouldSwap = false;
    location.reload();
  } else if ([403, 409, 422].includes(detail.xhr.status) && !detail.xhr.responseText.includes("<html")) {
    const messages = document.getElementById("messages");
    if (!messages) return;
    detail.shouldSwap = true;
    detail.isError = false;
    detail.target = messages;
    detail.swapOverride = "beforeend";
    detail.selectOverride = "unset";
  }
});

document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail;
  if (xhr.status === 409 || xhr.status === 422) return;
  const known: Record<number, string> = { 403: "forbidden", 404: "gone", 429: "tooMany" };
  say(text(known[xhr.status] ?? "failed"), "bad");
});
document.addEventListener("htmx:sendError", () => say(text("offline"), "warn"));
document.addEventListener("htmx:timeout", () => say(text("offline"), "warn"));

// What an answer sets off is told by the element that asked. When that was replaced meanwhile (a call
// bar reads itself anew at any moment), nobody would hear it: then the page itself tells it.
document.addEventListener("htmx:beforeSend", (event) => {
  const { xhr, elt } = (event as CustomEvent<{ xhr: XMLHttpRequest; elt: Element }>).detail;
  xhr.addEventListener("load", () => {
    const told = xhr.getResponseHeader("HX-Trigger") ?? "";
    if (elt.isConnected || told.startsWith("{")) return;
    for (const name of told.split(",").map((each) => each.trim()).filter(Boolean)) {
      document.body.dispatchEvent(new CustomEvent(name, { bubbles: true }));
    }
  });
});

let running = 0;
const busy = (step: number) => {
  running = Math.max(0, running + step);
  document.getElementById("busy")?.classList.toggle("is-on", running > 0);
};
// By the request itself: htmx tells nobody of the end when the element that asked was replaced.
document.addEventListener("htmx:beforeSend", (event) => {
  busy(1);
  (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr.addEventListener("loadend", () => busy(-1));
});
