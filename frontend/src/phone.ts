// The phone window: one SIP line over WebSocket, whose calls our own switch sends and which answers
// them by itself. Whom to call is decided at the desk; here is only sound.
import JsSIP from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import { cookie, meta } from "./page";

// "up": our own line to the switch stands, and calls are joined to it; "talking": one is rung for a call.
type State = "off" | "asking" | "joining" | "ready" | "up" | "talking" | "lost" | "refused" | "absent" | "silent";

interface Asked { getHeader(name: string): string | undefined }
interface Account { user: string; password: string; socket: string }

const root = document.querySelector<HTMLElement>("[data-phone]");
const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const sound = byId<HTMLAudioElement>("phone-sound");
const kept = { microphone: "furrow-microphone", earpiece: "furrow-earpiece" };
const urls = JSON.parse(meta("phone") || "{}") as { open: string; close: string };
const RETRY_SECONDS = 1; // the dialer may need a moment to tell the switch our password

let agent: JsSIP.UA | undefined;
let session: RTCSession | undefined;
let test: RTCSession | undefined;
let stream: MediaStream | undefined;
let levels: AudioContext | undefined;
let loudest = 0;

function show(state: State): void {
  if (!root) return;
  root.dataset.phone = state;
  const said = root.dataset[`text${state[0]!.toUpperCase()}${state.slice(1)}`];
  byId("phone-state").textContent = said ?? "";
  byId<HTMLButtonElement>("phone-join").hidden = !["off", "refused", "absent", "lost"].includes(state);
  byId<HTMLButtonElement>("phone-test").disabled = !["ready", "up", "silent"].includes(state);
  document.title = state === "talking" ? `● ${document.title.replace(/^● /, "")}` : document.title.replace(/^● /, "");
}

// -- microphone and earpiece -------------------------------------------------------------------

async function openMicrophone(): Promise<boolean> {
  show("asking");
  const device = localStorage.getItem(kept.microphone);
  try {
    stream?.getTracks().forEach((track) => track.stop());
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { deviceId: device ? { ideal: device } : undefined, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      video: false,
    });
  } catch (problem) {
    show((problem as DOMException).name === "NotAllowedError" ? "refused" : "absent");
    return false;
  }
  measure(stream);
  await listDevices();
  return true;
}

function measure(heard: MediaStream): void {
  void levels?.close();
  levels = new AudioContext();
  const analyser = levels.createAnalyser();
  analyser.fftSize = 1024;
  levels.createMediaStreamSource(heard).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const bar = byId("phone-level");
  const context = levels;
  const look = () => {
    if (context !== levels) return clearInterval(looking);
    analyser.getFloatTimeDomainData(samples);
    const level = Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);
    loudest = Math.max(loudest, level);
    const percent = Math.min(100, Math.round(level * 300));
    bar.setAttribute("aria-valuenow", String(percent));
    bar.style.setProperty("--level", `${percent}%`);
  };
  const looking = setInterval(look, 100);
}

async function listDevices(): Promise<void> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  fill("phone-microphone", devices.filter((each) => each.kind === "audioinput"), kept.microphone);
  fill("phone-earpiece", devices.filter((each) => each.kind === "audiooutput"), kept.earpiece);
  await useEarpiece();
}

function fill(id: string, devices: MediaDeviceInfo[], key: string): void {
  const field = byId<HTMLSelectElement>(id);
  field.replaceChildren(...devices.map((each, n) => new Option(each.label || `${n + 1}`, each.deviceId)));
  const chosen = localStorage.getItem(key);
  if (chosen && devices.some((each) => each.deviceId === chosen)) field.value = chosen;
  field.disabled = devices.length < 2;
}

async function useEarpiece(): Promise<void> {
  const chosen = byId<HTMLSelectElement>("phone-earpiece").value;
  if (chosen && "setSinkId" in sound) await sound.setSinkId(chosen).catch(() => undefined);
}

// -- the line -------------------------------------------------------------------------------------

async function join(): Promise<void> {
  if (!(await openMicrophone())) return;
  show("joining");
  const answer = await fetch(urls.open, { method: "POST", headers: { "X-CSRFToken": meta("csrf") || cookie("csrftoken") } });
  if (!answer.ok) return show("lost");
  const account = (await answer.json()) as Account;
  agent?.stop();
  agent = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(account.socket)],
    uri: `sip:${account.user}@furrow.invalid`,
    password: account.password,
    register: true,
    register_expires: 60,
    session_timers: false,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 5,
    user_agent: "furrow",
  });
  const own = agent;
  own.on("registered", () => {
    if (!session) show("ready");
    setTimeout(() => { if (own === agent && !session && loudest < 0.0005) show("silent"); }, 5000);
  });
  own.on("registrationFailed", () => setTimeout(() => { if (own === agent) own.register(); }, RETRY_SECONDS * 1000));
  own.on("disconnected", () => { if (own === agent) show("lost"); });
  own.on("newRTCSession", (event: { session: RTCSession; originator: string; request: Asked }) => {
    if (event.originator === "remote") take(event.session, event.request);
  });
  own.start();
}

function options() {
  return { mediaStream: stream, mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } };
}

/** A new call of the switch replaces an older one: it rings only when that line is dead. */
function take(call: RTCSession, asked: Asked): void {
  if (session && !session.isEnded()) session.terminate();
  session = call;
  const isStanding = asked.getHeader("X-Furrow-Leg")?.startsWith("seat-");
  call.on("peerconnection", () => listen(call));
  call.on("icecandidate", (event: { ready: () => void }) => event.ready()); // the first will do on a company's network
  call.on("confirmed", () => show(isStanding ? "up" : "talking"));
  const over = () => { if (session === call) { session = undefined; show("ready"); } };
  call.on("ended", over);
  call.on("failed", over);
  call.answer(options());
  listen(call);
}

function listen(call: RTCSession): void {
  call.connection?.addEventListener("track", (event: RTCTrackEvent) => {
    sound.srcObject = new MediaStream([event.track]);
    void sound.play().catch(() => undefined);
  });
}

byId("phone-join").addEventListener("click", () => void join());
byId("phone-test").addEventListener("click", () => {
  if (!agent || test) return;
  const call = (test = agent.call("sip:echo@furrow.invalid", options()));
  const before = sound.srcObject;
  const over = () => {
    test = undefined;
    sound.srcObject = before;
    void sound.play().catch(() => undefined);
  };
  call.on("ended", over);
  call.on("failed", over);
  call.on("icecandidate", (event: { ready: () => void }) => event.ready());
  listen(call);
  setTimeout(() => { if (!call.isEnded()) call.terminate(); }, 8000);
});
byId("phone-microphone").addEventListener("change", (event) => {
  localStorage.setItem(kept.microphone, (event.target as HTMLSelectElement).value);
  void join();
});
byId("phone-earpiece").addEventListener("change", (event) => {
  localStorage.setItem(kept.earpiece, (event.target as HTMLSelectElement).value);
  void useEarpiece();
});
addEventListener("pagehide", () => {
  if (!agent) return;
  const form = new FormData();
  form.set("csrfmiddlewaretoken", meta("csrf") || cookie("csrftoken"));
  navigator.sendBeacon(urls.close, form);
  agent.stop();
});
addEventListener("beforeunload", (event) => { if (session) event.preventDefault(); });

// A person who allowed the microphone before need not click again.
void navigator.permissions?.query({ name: "microphone" as PermissionName }).then((given) => {
  if (given.state === "granted") void join();
});
