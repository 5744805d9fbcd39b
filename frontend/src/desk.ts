// The agent's desk: the tab's title shows the call, and leaving in mid-call asks first.
const own = document.title;

function look(): void {
  const bar = document.querySelector<HTMLElement>(".callbar");
  const state = bar?.dataset.state ?? "idle";
  const isBusy = state === "ringing" || state === "talking" || state === "held";
  document.title = isBusy && bar ? `● ${bar.dataset.title ?? own}` : own;
  onbeforeunload = isBusy ? (event) => event.preventDefault() : null;
}
look();
document.addEventListener("htmx:afterSettle", look);
