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
