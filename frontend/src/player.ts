// The player of a recording: the waveform is its seek bar, and the speed can be changed.
import { on } from "./page";

function playerOf(element: Element) {
  const player = element.closest("[data-player]");
  return { player, audio: player?.querySelector("audio") ?? undefined };
}

on("click", "[data-player] svg", (element, event) => {
  const { audio } = playerOf(element);
  if (!audio || !Number.isFinite(audio.duration)) return;
  const box = element.getBoundingClientRect();
  audio.currentTime = ((event.clientX - box.left) / box.width) * audio.duration;
  void audio.play();
});

on("click", "[data-player] [data-speed]", (element) => {
  const { player, audio } = playerOf(element);
  if (audio) audio.playbackRate = Number(element.dataset.speed);
  player?.querySelectorAll("[data-speed]").forEach((each) => each.classList.toggle("btn-ghost", each !== element));
});

// timeupdate does not bubble, so it is caught on its way down.
document.addEventListener("timeupdate", (event) => {
  const { player, audio } = playerOf(event.target as Element);
  const picture = player?.querySelector("svg");
  if (!audio || !picture || !audio.duration) return;
  const at = (audio.currentTime / audio.duration) * picture.viewBox.baseVal.width;
  picture.querySelector(".at")?.setAttribute("x", String(at));
}, true);
