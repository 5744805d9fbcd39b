// Copying, the theme, the collapsed navigation, leaving a list to submit itself.
import { on, text } from "./page";
import { say } from "./messages";

on("click", "[data-copy]", (button) => {
  void navigator.clipboard.writeText(button.dataset.copy || button.textContent?.trim() || "").then(() => say(text("copied")));
});

// The choice shows at once; the form around the button tells the server.
on("click", "[data-theme-set]", (button) => {
  document.documentElement.dataset.bsTheme = button.dataset.themeSet;
  for (const other of document.querySelectorAll<HTMLElement>("[data-theme-set]")) {
    other.setAttribute("aria-pressed", String(other === button));
  }
  document.dispatchEvent(new Event("furrow:theme"));
});

on("click", "[data-side-toggle]", () => {
  const shell = document.querySelector<HTMLElement>(".shell");
  if (!shell) return;
  const side = shell.dataset.side === "narrow" ? "wide" : "narrow";
  shell.dataset.side = side;
  document.cookie = `furrow_side=${side}; path=/; max-age=31536000; samesite=lax`;
});

// The phone is a small window of its own, and one only: asking again brings it to the front.
on("click", "[data-phone-window]", (link, event) => {
  const phone = open((link as HTMLAnchorElement).href, "furrow-phone", "popup,width=440,height=640");
  if (!phone) return; // the browser opens it as a tab
  event.preventDefault();
  phone.focus();
});

on("change", "[data-submit-on-change]", (field) => (field as HTMLInputElement).form?.requestSubmit());
