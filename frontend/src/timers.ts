// <time data-since="ISO"> counts up, <time data-until="ISO"> counts down, by the server's clock.
// data-warn-after="120" (seconds) turns it red; is-late is also set on its [data-late-with] parent.
import { meta } from "./page";

const ahead = meta("now") ? Date.now() - Date.parse(meta("now")) : 0;

export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function tick(): void {
  const now = Date.now() - ahead;
  for (const element of document.querySelectorAll<HTMLElement>("time[data-since], time[data-until]")) {
    const { since, until, warnAfter } = element.dataset;
    const seconds = since ? (now - Date.parse(since)) / 1000 : (Date.parse(until ?? "") - now) / 1000;
    const words = clock(seconds);
    if (element.textContent !== words) element.textContent = words;
    if (warnAfter || until) {
      const isLate = since ? seconds > Number(warnAfter) : seconds <= 0;
      element.classList.toggle("bad", isLate);
      element.closest("[data-late-with]")?.classList.toggle("is-long", isLate);
    }
  }
}
tick();
setInterval(tick, 1000);
document.addEventListener("htmx:load", tick);
