// The ring: two soft tones, three seconds apart, made here, so that no file has to arrive first. It sounds on the device chosen for
// ringing (often the loudspeaker, while the talk is in the headset).

const DEVICE = "careline.ring.device";
const VOLUME = "careline.ring.volume";

let context = null;
let out = null;
let speaker = null;
let timer = 0;

export const ringDevice = () => localStorage.getItem(DEVICE) ?? "";
export const ringVolume = () => Number(localStorage.getItem(VOLUME) ?? "0.5");

export async function chooseRing({ device, volume }) {
  if (device !== undefined) localStorage.setItem(DEVICE, device);
  if (volume !== undefined) localStorage.setItem(VOLUME, String(volume));
  if (out) out.gain.value = ringVolume();
  await sink();
}

export async function outputs() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter((device) => device.kind === "audiooutput" && device.deviceId);
}

/** Browsers let a page sound only after a first key or click: call this from one. */
export function unlock() {
  prepare();
  return context.resume();
}

export function startRing() {
  if (timer) return;
  prepare();
  context.resume();
  speaker.play().catch(() => {}); // refused before the first click: the title and the screen ring all the same
  chime();
  timer = setInterval(chime, 3000);
}

export function stopRing() {
  clearInterval(timer);
  timer = 0;
}

export function tryRing() {
  prepare();
  context.resume();
  speaker.play().catch(() => {});
  chime();
}

export const silent = () => !context || context.state !== "running";

function prepare() {
  if (context) return;
  context = new AudioContext();
  out = context.createGain();
  out.gain.value = ringVolume();
  const stream = context.createMediaStreamDestination();
  out.connect(stream);
  speaker = new Audio();
  speaker.srcObject = stream.stream;
  sink();
}

async function sink() {
  if (!speaker?.setSinkId) return;
  await speaker.setSinkId(ringDevice()).catch(() => speaker.setSinkId("")); // the device was pulled out: the usual one rings
}

function chime() {
  const start = context.currentTime + 0.02;
  [
    [587.33, 0],
    [783.99, 0.22],
    [587.33, 0.62],
    [783.99, 0.84],
  ].forEach(([hertz, after]) => note(hertz, start + after));
}

function note(hertz, at) {
  const tone = context.createOscillator();
  const swell = context.createGain();
  tone.frequency.value = hertz;
  swell.gain.setValueAtTime(0, at);
  swell.gain.linearRampToValueAtTime(0.6, at + 0.03);
  swell.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
  tone.connect(swell).connect(out);
  tone.start(at);
  tone.stop(at + 0.55);
}
