// The floor and the wallboard: full screen, and a screen that stays awake.
import { on } from "./page";

on("click", "[data-full-screen]", () => {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen();
});

const stayAwake = () => {
  if (!document.hidden && document.querySelector("[data-stay-awake]")) {
    navigator.wakeLock?.request("screen").catch(() => undefined); // refused on low battery: fine
  }
};
stayAwake();
document.addEventListener("visibilitychange", stayAwake);

// What changed, as the events server tells it: nothing is ever asked for again. The first message
// after the line was opened holds every seat, so that a lost line heals by itself.
type Seat = [
  agent: number, state: string, since: string, code: string,
  customer: number, name: string, campaign: string,
  calls: number, answered: number, sold: number,
];
interface Change {
  figures?: Record<string, number>;
  budgets?: [campaign: number, percent: number, limit: number][];
  seats?: Seat[];
}

const live = document.getElementById("live");
const labels: Record<string, string> = JSON.parse(document.getElementById("floor-labels")?.textContent ?? "{}");
const fill = (pattern: string, values: Record<string, string | number>) =>
  pattern.replace(/\{(\w+)\}/g, (_all, key: string) => String(values[key] ?? ""));

function put(element: Element | null | undefined, words: string): void {
  if (element && element.textContent !== words) element.textContent = words;
}

function sit(seat: Seat): HTMLElement | null {
  const [agent, state, since, code, customer, name, _campaign, calls, answered, sold] = seat;
  const box = document.getElementById(`seat-${agent}`);
  if (!box) return null;
  box.dataset.state = state;
  const time = box.querySelector("time");
  if (time) {
    if (since) time.dataset.since = since;
    else delete time.dataset.since;
    time.dataset.warnAfter = state === "wrapup" ? "60" : "900";
    if (!since) time.textContent = "";
  }
  put(box.querySelector("[data-label]"), labels[code] ?? code);
  const who = box.querySelector("[data-who]");
  if (who) {
    who.replaceChildren();
    if (customer) {
      const link = document.createElement("a");
      link.href = (live?.dataset.customer ?? "").replace("/0/", `/${customer}/`);
      link.textContent = name;
      who.append(" · ", link);
    }
  }
  put(box.querySelector("[data-day]"), fill(live?.dataset.tally ?? "", { calls, answered, sold }));
  const absent = document.querySelector<HTMLElement>(`[data-absent-agent="${agent}"]`);
  if (absent) absent.hidden = state !== "offline";
  return box.closest<HTMLElement>("[data-team]");
}

function recount(team: HTMLElement): void {
  const all = team.querySelectorAll(".seat").length;
  const here = all - team.querySelectorAll('.seat[data-state="offline"]').length;
  put(team.querySelector("[data-here]"), fill(live?.dataset.here ?? "", { here, all }));
  const nobody = team.querySelector<HTMLElement>("[data-nobody]");
  if (nobody) nobody.hidden = here > 0;
  const absent = team.querySelector<HTMLElement>("[data-absent]");
  if (absent) absent.hidden = here === all;
}

document.body.addEventListener("furrow:floor", (event) => {
  const { figures, budgets, seats } = (event as CustomEvent<Change>).detail;
  for (const [name, value] of Object.entries(figures ?? {})) {
    put(document.querySelector(`[data-figure="${name}"]`), String(value));
  }
  for (const [campaign, percent, limit] of budgets ?? []) {
    const row = document.querySelector<HTMLElement>(`[data-budget="${campaign}"]`);
    put(row?.querySelector("[data-percent]"), percent.toFixed(1));
    row?.querySelector("meter")?.setAttribute("value", String(percent));
    row?.classList.toggle("is-over", percent > limit);
  }
  const teams = new Set((seats ?? []).map(sit).filter((team): team is HTMLElement => team !== null));
  teams.forEach(recount);
});
