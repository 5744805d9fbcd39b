// Live messages from the events server, one connection per page.
//
// Each server-sent event of kind K is dispatched on <body> as "furrow:K" (detail = its data), so
// a part of a page reloads itself with hx-trigger="furrow:call from:body". While the line is down
// a banner says so; after every reconnect, and when the server asks, "furrow:resync" tells live
// parts to reload, so nothing is missed. A page hidden for long lets go of its connection.
//
// EventSource cannot hear kinds it was not told of, nor see a 403, hence fetch and a short parser.
import { meta, text } from "./page";
import { frames } from "./frames";

const SOON_MS = 500;
const LATEST_MS = 15_000;
const SILENCE_MS = 40_000; // the server sends a comment at least every 15 s
const HIDDEN_MS = 10 * 60_000;

/** "port:8001" means this host on another port; anything else is a path or an address. */
export function address(content: string, here: Location = location): string {
  const port = /^port:(\d+)(\/.*)?$/.exec(content);
  if (port) return `${here.protocol}//${here.hostname}:${port[1]}${port[2] ?? "/events"}`;
  return new URL(content, here.href).href;
}

function tell(kind: string, data: unknown): void {
  document.body.dispatchEvent(new CustomEvent(`furrow:${kind}`, { detail: data, bubbles: true }));
}

let banner: ReturnType<typeof setTimeout> | undefined;
function lost(isLost: boolean): void {
  clearTimeout(banner);
  const element = document.getElementById("lost");
  if (!element) return;
  if (!isLost) element.hidden = true;
  else banner = setTimeout(() => { element.textContent = text("reconnecting"); element.hidden = false; }, 1500);
}

async function listen(url: string, isFirst: boolean, stop: AbortSignal): Promise<"gone" | "lost"> {
  const line = new AbortController();
  const hangUp = () => line.abort();
  stop.addEventListener("abort", hangUp, { once: true });
  let watch = setTimeout(hangUp, SILENCE_MS);
  try {
    const answer = await fetch(url, {
      credentials: "include",
      headers: { Accept: "text/event-stream" },
      cache: "no-store",
      signal: line.signal,
    });
    if (answer.status === 401 || answer.status === 403) return "gone";
    if (!answer.ok || !answer.body) return "lost";
    lost(false);
    if (!isFirst) tell("resync", {});
    tell("connected", {});
    const parse = frames(tell);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "lost";
      clearTimeout(watch);
      watch = setTimeout(hangUp, SILENCE_MS);
      parse(value);
    }
  } catch {
    return "lost";
  } finally {
    clearTimeout(watch);
    stop.removeEventListener("abort", hangUp);
    line.abort();
  }
}

/** Resolves after `ms`, or at once when the browser says the network or the page is back. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      removeEventListener("online", go);
      resolve();
    };
    const timer = setTimeout(go, ms);
    addEventListener("online", go);
  });
}

function shown(): Promise<void> {
  return new Promise((resolve) => {
    if (!document.hidden) return resolve();
    document.addEventListener("visibilitychange", () => resolve(), { once: true });
  });
}

async function run(url: string): Promise<void> {
  let isFirst = true;
  let wait = SOON_MS;
  for (;;) {
    const stop = new AbortController();
    let rest: ReturnType<typeof setTimeout> | undefined;
    const hide = () => {
      clearTimeout(rest);
      if (document.hidden && !document.querySelector("[data-stay-live]")) rest = setTimeout(() => stop.abort(), HIDDEN_MS);
    };
    document.addEventListener("visibilitychange", hide);
    const began = Date.now();
    const end = await listen(url, isFirst, stop.signal);
    document.removeEventListener("visibilitychange", hide);
    clearTimeout(rest);
    if (end === "gone") return;
    isFirst = false;
    if (stop.signal.aborted) await shown();
    else {
      lost(true);
      if (Date.now() - began > 5_000) wait = SOON_MS;
      await pause(wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LATEST_MS);
    }
  }
}

const content = meta("events");
if (content) void run(address(content));
